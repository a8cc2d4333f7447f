/* SPDX-License-Identifier: MIT */
/*
 * The words of a request in guest memory, read without a call. The host build's file of this name
 * reads the test machine's guest memory.
 */
#ifndef HV_CONFIG_GUEST_WORDS_H
#define HV_CONFIG_GUEST_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/extable.h"

/*
 * The words at va and va + 8, each read once; false if they cannot be read. The caller has seen that
 * va is the guest's (guest_va_ok()): a pair that runs out of its half of the addresses faults.
 */
static inline bool guest_pair_get(uint64_t va, uint64_t *first, uint64_t *second)
{
    guest_access_begin();
    guest_word_get(*first, va, fault);
    guest_word_get(*second, va + 8, fault);
    guest_access_end();
    return true;
fault:
    guest_access_end();
    return false;
}

/* The same for one word. */
static inline bool guest_word_read(uint64_t va, uint64_t *word)
{
    guest_access_begin();
    guest_word_get(*word, va, fault);
    guest_access_end();
    return true;
fault:
    guest_access_end();
    return false;
}

#endif
