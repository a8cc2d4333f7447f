/* SPDX-License-Identifier: MIT */
/*
 * The only door to memory at guest virtual addresses: through the loaded page tables, range-checked
 * against the hypervisor's slots for the whole [va, va + n), and recoverable from page faults.
 * Copy first, decide on the copy: a guest word is read once (hazard: double fetch).
 */
#ifndef HV_MM_GUEST_COPY_H
#define HV_MM_GUEST_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mm/layout.h"

/* The ABI's test of a buffer's start: below 2^47, or above the hypervisor's range. */
static inline bool guest_va_ok(uint64_t va)
{
    return va < 0x0000800000000000ul || va >= HV_VA_END;
}

/* True if [va, va + bytes) does not wrap, nor touch the hypervisor's slots. bytes may be 0. */
static inline bool guest_range_ok(uint64_t va, uint64_t bytes)
{
    uint64_t end;

    if (__builtin_add_overflow(va, bytes, &end))
        return end == 0 && va >= HV_VA_END;
    return va >= HV_VA_END || end <= 0x0000800000000000ul;
}

/* Copies bytes from guest VA to dst. 0, or -EFAULT (dst then holds an unspecified prefix). */
int guest_read(void *dst, uint64_t va, size_t bytes);

/* Copies bytes from src to guest VA. 0, or -EFAULT (an unspecified prefix was written). */
int guest_write(uint64_t va, const void *src, size_t bytes);

/* Writes zero bytes to guest VA. 0 or -EFAULT. */
int guest_zero(uint64_t va, size_t bytes);

/* As guest_read and guest_write for one aligned or unaligned 64-bit word, the fast form. */
int guest_read64(uint64_t *dst, uint64_t va);
int guest_write64(uint64_t va, uint64_t value);

#endif
