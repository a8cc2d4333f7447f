/* SPDX-License-Identifier: MIT */
/* Instructions of tests: decoded as they are given, and random words to make them of. */
#ifndef TESTS_HOST_INSN_H
#define TESTS_HOST_INSN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "pv/decode.h"

static inline uint64_t random64(void)
{
    static uint64_t state = 88172645463325252ull;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static inline struct insn decoded(const uint8_t *bytes, unsigned n, enum decode_status expected)
{
    struct insn insn = { .fetched = (uint8_t)n };

    memcpy(insn.bytes, bytes, n);
    assert_int_equal(decode_insn(&insn, true), expected);
    return insn;
}

#endif
