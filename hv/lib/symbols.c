/* SPDX-License-Identifier: MIT */
/*
 * Looks up an address in the table that the second link of the image puts behind its constants:
 * the functions in the order of their addresses, without gaps, each with its size (seven bits a byte)
 * and its packed name. In the first link the table is empty; text is the same in both.
 *
 * A code of a name stands for a letter, or for two codes below it: scripts/hv-symbols.
 */
#include "lib/symbols.h"

#include "lib/printk.h"

#define NAME_MAX 64u

extern const uint32_t symbol_count, symbol_first; /* functions; offset of the first in the image */
extern const uint32_t symbol_letter_count; /* codes 1 up to this one; the pairs are behind them */
extern const uint8_t symbol_letters[], symbol_pairs[][2], symbol_table[];
extern const char __image_start[];

static char name[NAME_MAX]; /* of the function found last */

static char *unpack(char *to, uint8_t code)
{
    unsigned pair = code - 1u - symbol_letter_count;

    if (code > symbol_letter_count) {
        to = unpack(to, symbol_pairs[pair][0]);
        return unpack(to, symbol_pairs[pair][1]);
    }
    if (to < name + NAME_MAX - 1)
        *to++ = (char)symbol_letters[code - 1u];
    return to;
}

static void name_unpack(const uint8_t *codes)
{
    char *to = name;

    while (*codes)
        to = unpack(to, *codes++);
    *to = 0;
}

static uint64_t size_read(const uint8_t **at)
{
    uint64_t size = 0;

    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;

        size |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128))
            return size;
    }
}

struct symbol symbol_find(uint64_t va)
{
    uint64_t offset = va - (uint64_t)__image_start - symbol_first;
    const uint8_t *at = symbol_table;

    for (uint32_t i = 0; i < symbol_count; i++) {
        uint64_t size = size_read(&at);

        if (offset < size) {
            name_unpack(at);
            return (struct symbol){ name, offset, size };
        }
        offset -= size;
        while (*at++)
            ;
    }
    return (struct symbol){ 0 };
}

void symbol_format(char *buf, size_t size, struct symbol s)
{
    if (s.name)
        snprintk(buf, size, "%s+%#lx/%#lx", s.name, s.offset, s.size);
    else
        snprintk(buf, size, "???");
}
