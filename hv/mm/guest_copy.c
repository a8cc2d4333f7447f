/* SPDX-License-Identifier: MIT */
/*
 * Guest memory through the loaded tables. Every access instruction is in the exception table, so a
 * page that is missing, read-only or non-canonical ends in -EFAULT and never in a panic. CR0.WP is
 * set: what the guest may not write, its hypervisor does not write for it.
 */
#include "mm/guest_copy.h"

#include "lib/errno.h"
#include "lib/extable.h"

/* Copies whole words, then the last bytes. Result: bytes (or words) that were not copied. */
static size_t copy_faultable(void *dst, const void *src, size_t bytes)
{
    size_t words = bytes / 8, rest = bytes % 8;

    guest_access_begin();
    asm volatile("1:\trep movsq\n\t"
                 "mov %3, %2\n"
                 "2:\trep movsb\n"
                 "3:\n\t" EX_TABLE("1b", "3b") EX_TABLE("2b", "3b")
                 : "+D"(dst), "+S"(src), "+c"(words)
                 : "r"(rest)
                 : "memory");
    guest_access_end();
    return words;
}

int guest_read(void *dst, uint64_t va, size_t bytes)
{
    if (!guest_range_ok(va, bytes) || copy_faultable(dst, (const void *)va, bytes))
        return -EFAULT;
    return 0;
}

int guest_write(uint64_t va, const void *src, size_t bytes)
{
    if (!guest_range_ok(va, bytes) || copy_faultable((void *)va, src, bytes))
        return -EFAULT;
    return 0;
}

int guest_zero(uint64_t va, size_t bytes)
{
    if (!guest_range_ok(va, bytes))
        return -EFAULT;
    guest_access_begin();
    asm volatile("1:\trep stosb\n2:\n\t" EX_TABLE("1b", "2b")
                 : "+D"(va), "+c"(bytes)
                 : "a"(0)
                 : "memory");
    guest_access_end();
    return bytes ? -EFAULT : 0;
}

int guest_read64(uint64_t *dst, uint64_t va)
{
    uint64_t word;

    if (!guest_range_ok(va, 8))
        return -EFAULT;
    guest_access_begin();
    guest_word_get(word, va, fault);
    guest_access_end();
    *dst = word;
    return 0;
fault:
    guest_access_end();
    return -EFAULT;
}

int guest_write64(uint64_t va, uint64_t value)
{
    if (!guest_range_ok(va, 8))
        return -EFAULT;
    guest_access_begin();
    guest_word_put(va, value, fault);
    guest_access_end();
    return 0;
fault:
    guest_access_end();
    return -EFAULT;
}
