/*
 * SPDX-License-Identifier: MIT
 *
 * kprint.h - printing that may run inside a fault.
 *
 * newlib's printf may itself be the code that faulted, so nothing under traps.c or mm/ may call it.
 * kprint has no state and allocates nothing.
 */
#ifndef GUEST_KPRINT_H
#define GUEST_KPRINT_H

#include <stdarg.h>
#include <stddef.h>

/* Conversions: %s %c %d %u %x %p %%, with 0, width, - and l.  One call prints at most 255 bytes. */
void kprint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same into a buffer of `size` bytes, always terminated.  Result: length (bytes). */
size_t kformat(char *buf, size_t size, const char *fmt, va_list ap);

#endif
