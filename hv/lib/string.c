/* SPDX-License-Identifier: MIT */
/*
 * String and memory functions. The memory ones are the CPU's string instructions, eight bytes at a
 * time, so that the compiler cannot turn a loop here into a call of itself.
 */
#include "lib/string.h"

#include <stdint.h>

void *memcpy(void *dst, const void *src, size_t bytes)
{
    void *d = dst;
    size_t words = bytes / 8, rest = bytes % 8;

    asm volatile("rep movsq\n\t"
                 "mov %[rest], %%rcx\n\t"
                 "rep movsb"
                 : "+D"(d), "+S"(src), "+c"(words)
                 : [rest] "r"(rest)
                 : "memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t bytes)
{
    char *d = (char *)dst + bytes - 1;
    const char *s = (const char *)src + bytes - 1;

    if ((uintptr_t)dst - (uintptr_t)src >= bytes)
        return memcpy(dst, src, bytes);
    /*
     * Overlapping, destination above: backwards, with the direction flag as the ABI wants it after.
     */
    asm volatile("std; rep movsb; cld" : "+D"(d), "+S"(s), "+c"(bytes) : : "memory");
    return dst;
}

void *memset(void *dst, int value, size_t bytes)
{
    void *d = dst;
    size_t words = bytes / 8, rest = bytes % 8;

    asm volatile("rep stosq\n\t"
                 "mov %[rest], %%rcx\n\t"
                 "rep stosb"
                 : "+D"(d), "+c"(words)
                 : [rest] "r"(rest), "a"((uint8_t)value * 0x0101010101010101ul)
                 : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const unsigned char *x = a, *y = b;

    for (; bytes; bytes--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n])
        n++;
    return n;
}

size_t strlen(const char *s)
{
    return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t max)
{
    for (; max; max--, a++, b++) {
        if (*a != *b)
            return (unsigned char)*a - (unsigned char)*b;
        if (!*a)
            break;
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)s;
        if (!*s)
            return 0;
    }
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
    size_t length = strlen(src), kept = length < size ? length : size - 1;

    memcpy(dst, src, kept);
    dst[kept] = 0;
    return length;
}

/* Value of a digit of base 16 or less, or 99. */
static unsigned digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 99;
}

unsigned long strtoul(const char *s, const char **end, int base)
{
    unsigned long value = 0;

    if ((base == 0 || base == 16) && s[0] == '0' && (s[1] | 0x20) == 'x' && digit(s[2]) < 16) {
        s += 2;
        base = 16;
    }
    if (base == 0)
        base = s[0] == '0' ? 8 : 10;
    while (digit(*s) < (unsigned)base) {
        unsigned long d = digit(*s++);

        /* Saturates, as the C library does: a number that is too large stays too large. */
        if (__builtin_mul_overflow(value, (unsigned long)base, &value) ||
            __builtin_add_overflow(value, d, &value)) {
            value = ~0ul;
            while (digit(*s) < (unsigned)base)
                s++;
            break;
        }
    }
    if (end)
        *end = s;
    return value;
}
