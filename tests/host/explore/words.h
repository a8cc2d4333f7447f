/* SPDX-License-Identifier: MIT */
/* The small machine word by word, as far as two runs must agree: no dates, no type of what has none. */
#ifndef TESTS_HOST_EXPLORE_WORDS_H
#define TESTS_HOST_EXPLORE_WORDS_H

#include <stdbool.h>

#include "grants.h"
#include "small.h"

struct words {
    struct frame frame[FIRST + FRAMES_MAX];
    uint64_t entry[FRAMES_MAX][SLOTS]; /* those that hold references */
    uint64_t pages[DOMAINS];
    uint64_t roots[CPUS][2];
    uint64_t parked[CPUS]; /* frame of the cleanup that waits */
    uint64_t grants[GRANT_WORDS];
};

void words_take(struct words *w);
bool words_same(const struct words *a, const struct words *b);

#endif
