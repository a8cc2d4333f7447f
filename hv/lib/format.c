/* SPDX-License-Identifier: MIT */
/*
 * printf's formatting, as far as the hypervisor uses it: d i u x X p s c %, with l, ll, z, field
 * width, precision (also *) and the flags 0, - and #. Never writes past the buffer, always
 * terminates it. Callers: printk.c, and whoever builds a line in pieces.
 */
#include "lib/printk.h"

struct out {
    char *buf;
    size_t size;
    size_t length; /* that there would be with a buffer large enough */
};

struct spec {
    bool left, zero, alternate;
    int width, precision; /* precision -1 = none */
    int longs;
};

static void out_char(struct out *o, char c)
{
    if (o->length + 1 < o->size)
        o->buf[o->length] = c;
    o->length++;
}

static void out_pad(struct out *o, char c, int count)
{
    while (count-- > 0)
        out_char(o, c);
}

static void out_text(struct out *o, const struct spec *s, const char *text)
{
    int length = 0;

    if (!text)
        text = "(null)";
    while ((s->precision < 0 || length < s->precision) && text[length])
        length++;
    if (!s->left)
        out_pad(o, ' ', s->width - length);
    for (int i = 0; i < length; i++)
        out_char(o, text[i]);
    if (s->left)
        out_pad(o, ' ', s->width - length);
}

static void out_number(struct out *o, const struct spec *s, uint64_t value, unsigned base,
                       bool negative, bool upper)
{
    char digits[24];
    int n = 0, zeros, total;
    const char *prefix = negative ? "-" : s->alternate && base == 16 && value ? "0x" : "";

    do {
        unsigned d = (unsigned)(value % base);

        digits[n++] = (char)(d < 10 ? '0' + d : (upper ? 'A' : 'a') + d - 10);
        value /= base;
    } while (value);
    zeros = s->precision - n;
    total = n + (prefix[0] != 0) + (prefix[0] && prefix[1]);
    if (s->precision < 0 && s->zero && !s->left)
        zeros = s->width - total;
    total += zeros > 0 ? zeros : 0;
    if (!s->left)
        out_pad(o, ' ', s->width - total);
    while (*prefix)
        out_char(o, *prefix++);
    out_pad(o, '0', zeros);
    while (n)
        out_char(o, digits[--n]);
    if (s->left)
        out_pad(o, ' ', s->width - total);
}

static int number_or_star(const char **fmt, va_list *args)
{
    int n = 0;

    if (**fmt == '*') {
        ++*fmt;
        return va_arg(*args, int);
    }
    while (**fmt >= '0' && **fmt <= '9')
        n = n * 10 + *(*fmt)++ - '0';
    return n;
}

static struct spec spec_parse(const char **fmt, va_list *args)
{
    struct spec s = { .precision = -1 };

    for (;; ++*fmt) {
        if (**fmt == '-')
            s.left = true;
        else if (**fmt == '0')
            s.zero = true;
        else if (**fmt == '#')
            s.alternate = true;
        else
            break;
    }
    s.width = number_or_star(fmt, args);
    if (**fmt == '.') {
        ++*fmt;
        s.precision = number_or_star(fmt, args);
    }
    for (; **fmt == 'l' || **fmt == 'z'; ++*fmt)
        s.longs++;
    return s;
}

static void convert(struct out *o, const struct spec *s, char type, va_list *args)
{
    struct spec pointer = { .precision = 16 };
    char one[2] = { 0 };
    int64_t value;

    switch (type) {
    case 'd':
    case 'i':
        value = s->longs ? va_arg(*args, long) : va_arg(*args, int);
        out_number(o, s, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, value < 0, false);
        break;
    case 'u':
    case 'x':
    case 'X':
        out_number(o, s, s->longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned),
                   type == 'u' ? 10 : 16, false, type == 'X');
        break;
    case 'p':
        out_number(o, &pointer, (uint64_t)va_arg(*args, void *), 16, false, false);
        break;
    case 's':
        out_text(o, s, va_arg(*args, const char *));
        break;
    case 'c':
        one[0] = (char)va_arg(*args, int);
        out_text(o, s, one);
        break;
    default:
        out_char(o, type);
    }
}

int vsnprintk(char *buf, size_t size, const char *fmt, va_list args)
{
    struct out o = { buf, size, 0 };
    va_list ap;

    va_copy(ap, args);
    for (; *fmt; fmt++) {
        struct spec s;

        if (*fmt != '%') {
            out_char(&o, *fmt);
            continue;
        }
        fmt++;
        s = spec_parse(&fmt, &ap);
        if (!*fmt)
            break;
        convert(&o, &s, *fmt, &ap);
    }
    va_end(ap);
    if (size)
        buf[o.length < size ? o.length : size - 1] = 0;
    return (int)o.length;
}

int snprintk(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintk(buf, size, fmt, args);
    va_end(args);
    return n;
}
