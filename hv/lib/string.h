/* SPDX-License-Identifier: MIT */
/* The few string functions that freestanding C needs; the compiler may call the mem* ones. */
#ifndef HV_LIB_STRING_H
#define HV_LIB_STRING_H

#include <stddef.h>

void *memcpy(void *dst, const void *src, size_t bytes);
void *memmove(void *dst, const void *src, size_t bytes);
void *memset(void *dst, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *s, int c);
/* Copies and always terminates; returns strlen(src). size: bytes in dst, not 0. */
size_t strlcpy(char *dst, const char *src, size_t size);
/* Number in base 10, 0x or 0; *end is set past the digits. */
unsigned long strtoul(const char *s, const char **end, int base);

#endif
