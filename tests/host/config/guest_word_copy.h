/* SPDX-License-Identifier: MIT */
/* A word of guest memory, where a host build copies all by bytes: for one file of each program. */
#ifndef TESTS_HOST_GUEST_WORD_COPY_H
#define TESTS_HOST_GUEST_WORD_COPY_H

#include "mm/guest_copy.h"

int guest_read64(uint64_t *dst, uint64_t va)
{
    return guest_read(dst, va, sizeof(*dst));
}

int guest_write64(uint64_t va, uint64_t value)
{
    return guest_write(va, &value, sizeof(value));
}

#endif
