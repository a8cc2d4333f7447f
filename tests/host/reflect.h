/* SPDX-License-Identifier: MIT */
/* What the emulators reflect to the guest, recorded instead of delivered. */
#ifndef TESTS_HOST_REFLECT_H
#define TESTS_HOST_REFLECT_H

#include <stdint.h>

struct reflected {
    unsigned count;
    unsigned vector; /* of the last one */
    long error_code;
    uint64_t cr2;
};
extern struct reflected reflected;

#endif
