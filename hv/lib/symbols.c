/* SPDX-License-Identifier: MIT */
/*
 * Looks up an address in the table that the second link of the image puts behind its constants:
 * sorted function offsets from HV_IMAGE_VA, and the names in the same order. In the first link the
 * table is empty; text is the same in both.
 */
#include "lib/symbols.h"

#include "lib/printk.h"
#include "lib/string.h"

extern const uint32_t symbol_count;
extern const uint32_t symbol_table[]; /* symbol_count + 1: the last one ends the text */
extern const char symbol_names[];
extern const char __image_start[];

static const char *name_at(uint32_t index)
{
    const char *name = symbol_names;

    while (index--)
        name += strlen(name) + 1;
    return name;
}

struct symbol symbol_find(uint64_t va)
{
    uint64_t offset = va - (uint64_t)__image_start;
    uint32_t low = 0, high = symbol_count;

    if (!high || offset < symbol_table[0] || offset >= symbol_table[high])
        return (struct symbol){ 0 };
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;

        if (symbol_table[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return (struct symbol){ name_at(low), offset - symbol_table[low],
                            symbol_table[low + 1] - symbol_table[low] };
}

void symbol_format(char *buf, size_t size, struct symbol s)
{
    if (s.name)
        snprintk(buf, size, "%s+%#lx/%#lx", s.name, s.offset, s.size);
    else
        snprintk(buf, size, "???");
}
