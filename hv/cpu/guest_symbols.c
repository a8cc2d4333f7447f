/* SPDX-License-Identifier: MIT */
/*
 * Lookups in the symbol table of the guest kernel's ELF image. Used only when a guest dies, so a
 * search from one end to the other is good enough; the number of symbols is bounded by the image.
 * Called by cpu/dump.c.
 */
#include "cpu/guest_symbols.h"

#include <stdbool.h>

#include "lib/string.h"

#define SHT_SYMTAB 2u
#define STT_NOTYPE 0u
#define STT_FUNC   2u
#define NAME_MAX   64u

struct elf_shdr {
    uint32_t name, type;
    uint64_t flags, addr, offset, size;
    uint32_t link, info;
    uint64_t addralign, entsize;
};
_Static_assert(sizeof(struct elf_shdr) == 64, "ELF64 section header");

struct elf_sym {
    uint32_t name;
    uint8_t info, other;
    uint16_t shndx;
    uint64_t value, size;
};
_Static_assert(sizeof(struct elf_sym) == 24, "ELF64 symbol");

static const char *image;
static size_t image_bytes;
static struct elf_shdr symbols, strings;

static bool image_read(void *to, uint64_t offset, size_t bytes)
{
    if (offset > image_bytes || bytes > image_bytes - offset)
        return false;
    memcpy(to, image + offset, bytes);
    return true;
}

static bool section_read(struct elf_shdr *s, uint64_t shoff, uint64_t index)
{
    return shoff <= image_bytes && image_read(s, shoff + index * sizeof(*s), sizeof(*s)) &&
           s->offset <= image_bytes && s->size <= image_bytes - s->offset;
}

void guest_symbols_set(const void *elf, size_t bytes)
{
    uint64_t shoff;
    uint16_t count;

    image = elf;
    image_bytes = bytes;
    symbols.size = 0;
    if (!image_read(&shoff, 40, sizeof(shoff)) || !image_read(&count, 60, sizeof(count)))
        return;
    for (unsigned i = 0; i < count; i++) {
        struct elf_shdr s;

        if (!section_read(&s, shoff, i) || s.type != SHT_SYMTAB)
            continue;
        if (!section_read(&strings, shoff, s.link))
            continue;
        symbols = s;
        return;
    }
}

static const char *name_at(uint32_t offset)
{
    static char name[NAME_MAX];
    uint64_t room = offset < strings.size ? strings.size - offset : 0;

    if (room > sizeof(name) - 1)
        room = sizeof(name) - 1;
    if (!room || !image_read(name, strings.offset + offset, room))
        return 0;
    name[room] = 0;
    /* It goes to the log: nothing but a name may come out of it. */
    for (char *c = name; *c; c++)
        if (*c <= ' ' || *c > '~')
            *c = '?';
    return name[0] ? name : 0;
}

struct symbol guest_symbol_find(uint64_t va)
{
    uint64_t count = symbols.size / sizeof(struct elf_sym);
    struct elf_sym best = { 0 };

    for (uint64_t i = 0; i < count; i++) {
        struct elf_sym s;

        image_read(&s, symbols.offset + i * sizeof(s), sizeof(s));
        if ((s.info & 15) != STT_FUNC && (s.info & 15) != STT_NOTYPE)
            continue;
        /*
         * Absolute and undefined ones are no places. A size of zero (assembly) reaches to the next.
         */
        if (!s.shndx || s.shndx >= 0xff00 || s.value > va || s.value < best.value)
            continue;
        if (s.size && va - s.value >= s.size)
            continue;
        if (s.value > best.value || (s.info & 15) == STT_FUNC)
            best = s;
    }
    if (!best.name)
        return (struct symbol){ 0 };
    return (struct symbol){ name_at(best.name), va - best.value, best.size };
}
