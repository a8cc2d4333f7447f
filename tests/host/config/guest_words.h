/* SPDX-License-Identifier: MIT */
/* Stands in for hv/config/guest_words.h: guest memory is the test machine's (guest.c). */
#ifndef HV_CONFIG_GUEST_WORDS_H
#define HV_CONFIG_GUEST_WORDS_H

#include "mm/guest_copy.h"

static inline bool guest_pair_get(uint64_t va, uint64_t *first, uint64_t *second)
{
    return !guest_read(first, va, 8) && !guest_read(second, va + 8, 8);
}

static inline bool guest_word_read(uint64_t va, uint64_t *word)
{
    return !guest_read(word, va, 8);
}

#endif
