/*
 * SPDX-License-Identifier: MIT
 *
 * elf_load.c - reads headers only; the contents come in by page faults.
 *
 * One segment becomes one region: file pages up to filesz, zeros behind (region_file.c,
 * region_cow.c), so .data and .bss of one segment share a region.
 */
#include "elf_load.h"

#include "mm/aspace.h"
#include "mm/region.h"

#include <string.h>

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct elf_header) == 64, "ELF64 header");
_Static_assert(sizeof(struct elf_segment) == 56, "ELF64 program header");

#define ELF_EXEC     2
#define ELF_X86_64   62
#define SEGMENT_LOAD 1
#define SEGMENT_X    1U
#define SEGMENT_W    2U

static int segment_add(struct aspace *as, const struct ramdisk_file *file,
                       const struct elf_segment *s, uint64_t *end)
{
    uint64_t start = page_floor(s->vaddr), stop = page_ceil(s->vaddr + s->memsz);
    unsigned int rights = REGION_USER | REGION_R | (s->flags & SEGMENT_W ? REGION_W : 0) |
                          (s->flags & SEGMENT_X ? REGION_X : 0);
    uint64_t lead = s->vaddr - start;

    if (s->vaddr + s->memsz < s->vaddr || stop > USER_STACK_TOP || start < PAGE_SIZE ||
        s->filesz > s->memsz || s->offset > file->size || s->filesz > file->size - s->offset ||
        (s->offset & ~PAGE_MASK) != lead)
        return -XEN_EINVAL;
    if (!region_add_file(as, start, stop, rights, file, s->offset >> PAGE_SHIFT,
                         s->filesz ? s->filesz + lead : 0))
        return -XEN_EINVAL;
    if (stop > *end)
        *end = stop;
    return 0;
}

int elf_load(struct aspace *as, const struct ramdisk_file *file, uint64_t *entry, uint64_t *end)
{
    struct elf_header header;

    if (file->size < sizeof(header))
        return -XEN_EINVAL;
    memcpy(&header, file->data, sizeof(header));
    if (memcmp(header.ident, "\177ELF\2\1", 6) || header.type != ELF_EXEC ||
        header.machine != ELF_X86_64 || header.phentsize != sizeof(struct elf_segment) ||
        header.phoff > file->size ||
        header.phnum > (file->size - header.phoff) / sizeof(struct elf_segment))
        return -XEN_EINVAL;
    *entry = header.entry;
    *end = 0;
    for (unsigned int i = 0; i < header.phnum; i++) {
        struct elf_segment s;

        memcpy(&s, file->data + header.phoff + i * sizeof(s), sizeof(s));
        if (s.type != SEGMENT_LOAD || !s.memsz)
            continue;
        int rc = segment_add(as, file, &s, end);

        if (rc)
            return rc;
    }
    return *end ? 0 : -XEN_EINVAL;
}
