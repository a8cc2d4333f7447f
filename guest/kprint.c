/*
 * SPDX-License-Identifier: MIT
 *
 * kprint.c - a small formatter on the caller's stack; see kprint.h for why it is not printf.
 */
#include "kprint.h"

#include "console.h"

#include <stdbool.h>

struct out {
    char *buf;
    size_t size, len;
};

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len++] = c;
}

static void put_field(struct out *o, const char *s, size_t len, int width, bool left, char pad)
{
    int fill = width > (int)len ? width - (int)len : 0;

    for (int i = 0; !left && i < fill; i++)
        put(o, pad);
    for (size_t i = 0; i < len; i++)
        put(o, s[i]);
    for (int i = 0; left && i < fill; i++)
        put(o, ' ');
}

/* Digits of `v` at the end of `end`; result: where they begin. */
static char *digits(char *end, unsigned long v, unsigned int base)
{
    do {
        *--end = "0123456789abcdef"[v % base];
        v /= base;
    } while (v);
    return end;
}

static void put_number(struct out *o, char conv, bool is_long, va_list *ap, int width, bool left,
                       char pad)
{
    char text[24], *end = text + sizeof(text), *start;

    if (conv == 'd') {
        long v = is_long ? va_arg(*ap, long) : va_arg(*ap, int);

        start = digits(end, v < 0 ? 0UL - (unsigned long)v : (unsigned long)v, 10);
        if (v < 0)
            *--start = '-';
    } else {
        unsigned long v = is_long ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned int);

        start = digits(end, v, conv == 'x' ? 16 : 10);
    }
    put_field(o, start, (size_t)(end - start), width, left, pad);
}

size_t kformat(char *buf, size_t size, const char *fmt, va_list ap_in)
{
    struct out o = { .buf = buf, .size = size };
    va_list ap;

    va_copy(ap, ap_in);
    for (; *fmt; fmt++) {
        bool left = false, is_long = false;
        int width = 0;
        char pad = ' ';

        if (*fmt != '%') {
            put(&o, *fmt);
            continue;
        }
        for (fmt++; *fmt == '-' || *fmt == '0'; fmt++) {
            left |= *fmt == '-';
            pad = *fmt == '0' ? '0' : pad;
        }
        for (; *fmt >= '0' && *fmt <= '9'; fmt++)
            width = width * 10 + (*fmt - '0');
        for (; *fmt == 'l' || *fmt == 'z'; fmt++)
            is_long = true;
        if (*fmt == 's') {
            const char *s = va_arg(ap, const char *);
            size_t len = 0;

            for (s = s ? s : "(null)"; s[len]; len++)
                ;
            put_field(&o, s, len, width, left, ' ');
        } else if (*fmt == 'p') {
            put_number(&o, 'x', true, &ap, 16, false, '0');
        } else if (*fmt == 'c') {
            put(&o, (char)va_arg(ap, int));
        } else if (*fmt == '%') {
            put(&o, '%');
        } else {
            put_number(&o, *fmt, is_long, &ap, width, left, pad);
        }
    }
    va_end(ap);
    if (size)
        buf[o.len] = '\0';
    return o.len;
}

void kprint(const char *fmt, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, fmt);
    size_t len = kformat(line, sizeof(line), fmt, ap);
    va_end(ap);
    console_write(line, len);
}
