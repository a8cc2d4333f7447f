/* SPDX-License-Identifier: MIT */
/* Where two CPUs start from: states with whatever their untyped pages hold. */
#ifndef TESTS_HOST_EXPLORE_STARTS_H
#define TESTS_HOST_EXPLORE_STARTS_H

#include "state.h"

struct start {
    const char *name;
    struct state state;
    /* Numbers of entries in frames that are no tables; tables by these words, or pages. */
    uint8_t content[FRAMES_MAX][SLOTS];
};
extern const struct start starts[];
extern const unsigned starts_count;
extern bool starts_general; /* requests do not take short ways */

/* Makes the small machine be there; everything that it holds is known. */
void start_install(const struct start *s);

#endif
