/* SPDX-License-Identifier: MIT */
/*
 * The headers of a guest kernel, and what follows from them and from the notes (elf_notes.c) for its
 * place in memory. Segments go by p_paddr, never by p_vaddr.
 *
 * Invariant after elf_parse() == 0: every loaded segment's content lies within the image; pstart <
 * pend; v_kstart < v_kend, both without wrap; entry lies between them. Caller: dom/build.c.
 */
#include "dom/elf.h"

#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"

#define ET_EXEC   2
#define ET_DYN    3
#define EM_X86_64 62
#define PT_LOAD   1
#define PF_ANY    7u

struct elf_header {
    uint8_t ident[16]; /* 0x7f 'E' 'L' 'F', class, data, version */
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF64 header");

struct elf_phdr {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct elf_phdr) == 56, "ELF64 program header");

int elf_refuse(const struct elf_image *image, const char *fmt, ...)
{
    char why[160];
    va_list args;

    va_start(args, fmt);
    vsnprintk(why, sizeof(why), fmt, args);
    va_end(args);
    printk(LOG_ERROR, "Guest kernel \"%s\": %s\n", image->name, why);
    return -EINVAL;
}

static int header_check(struct elf_image *image, struct elf_header *h)
{
    static const uint8_t magic[4] = { 0x7f, 'E', 'L', 'F' };

    if (image->bytes < sizeof(magic) || memcmp(image->data, magic, sizeof(magic)))
        return elf_refuse(image, "not an ELF image");
    if (image->bytes < sizeof(*h))
        return elf_refuse(image, "truncated ELF: %zu bytes, no whole header", image->bytes);
    memcpy(h, image->data, sizeof(*h));
    if (h->ident[4] != 2 || h->ident[5] != 1)
        return elf_refuse(image, "not a 64-bit little-endian ELF image");
    if (h->machine != EM_X86_64)
        return elf_refuse(image, "ELF image for machine %u, not x86-64", h->machine);
    if (h->type != ET_EXEC && h->type != ET_DYN)
        return elf_refuse(image, "ELF image of type %u is not executable", h->type);
    if (!h->phnum || h->phentsize < sizeof(struct elf_phdr))
        return elf_refuse(image, "bad ELF: %u program headers of %u bytes", h->phnum, h->phentsize);
    image->phdrs = elf_range(image, h->phoff, (uint64_t)h->phnum * h->phentsize);
    if (!image->phdrs)
        return elf_refuse(image, "truncated ELF: program headers beyond the end");
    image->phnum = h->phnum;
    image->phentsize = h->phentsize;
    image->e_entry = h->entry;
    return 0;
}

static bool phdr_is_loaded(const struct elf_phdr *p)
{
    return p->type == PT_LOAD && (p->flags & PF_ANY) && p->memsz;
}

static void phdr_read(const struct elf_image *image, unsigned index, struct elf_phdr *p)
{
    memcpy(p, image->phdrs + (size_t)index * image->phentsize, sizeof(*p));
}

bool elf_segment(const struct elf_image *image, unsigned index, struct elf_segment *segment)
{
    struct elf_phdr p;

    phdr_read(image, index, &p);
    if (!phdr_is_loaded(&p))
        return false;
    *segment = (struct elf_segment){ p.paddr, p.memsz, image->data + p.offset, p.filesz };
    return true;
}

static int segments_check(struct elf_image *image)
{
    struct elf_phdr p;
    uint64_t end;

    image->pstart = ELF_UNSET;
    image->pend = 0;
    for (unsigned i = 0; i < image->phnum; i++) {
        phdr_read(image, i, &p);
        if (!phdr_is_loaded(&p))
            continue;
        if (p.filesz > p.memsz)
            return elf_refuse(image, "bad ELF: segment %u has more content than memory", i);
        if (!elf_range(image, p.offset, p.filesz))
            return elf_refuse(image, "truncated ELF: segment %u lies beyond the end", i);
        if (__builtin_add_overflow(p.paddr, p.memsz, &end))
            return elf_refuse(image, "bad ELF: segment %u wraps the address space", i);
        if (p.paddr < image->pstart)
            image->pstart = p.paddr;
        if (end > image->pend)
            image->pend = end;
    }
    return image->pend ? 0 : elf_refuse(image, "bad ELF: nothing to load");
}

/* Defaults and consistency of addresses, as the ABI has them. */
static int addresses_check(struct elf_image *image)
{
    uint64_t size = image->pend - image->pstart;

    if (image->virt_base == ELF_UNSET && image->paddr_offset != ELF_UNSET)
        return elf_refuse(image, "PADDR_OFFSET is set, VIRT_BASE is not");
    if (image->virt_base == ELF_UNSET)
        image->virt_base = 0;
    if (image->paddr_offset == ELF_UNSET)
        image->paddr_offset = image->place == ELF_NOTES_LEGACY ? image->virt_base : 0;
    if (image->virt_base % ELF_PAGE || image->paddr_offset % ELF_PAGE)
        return elf_refuse(image, "VIRT_BASE or PADDR_OFFSET is not page aligned");
    if (image->entry == ELF_UNSET)
        image->entry = image->e_entry;
    if (image->pstart < image->paddr_offset)
        return elf_refuse(image, "ELF start or entries are out of bounds (below PADDR_OFFSET)");
    image->v_kstart = elf_paddr_va(image, image->pstart);
    if (image->v_kstart < image->virt_base ||
        __builtin_add_overflow(image->v_kstart, size, &image->v_kend) ||
        image->entry < image->v_kstart || image->entry > image->v_kend)
        return elf_refuse(image,
                          "ELF start or entries are out of bounds: kernel %016lx-%016lx, "
                          "entry %016lx",
                          image->v_kstart, image->v_kstart + size, image->entry);
    if (image->init_p2m != ELF_UNSET && image->init_p2m >= image->v_kstart &&
        image->init_p2m < image->v_kend)
        return elf_refuse(image, "INIT_P2M %016lx lies in the kernel", image->init_p2m);
    return 0;
}

int elf_parse(struct elf_image *image, const void *data, size_t bytes, const char *name)
{
    struct elf_header h;
    int rc;

    *image = (struct elf_image){ .data = data, .bytes = bytes, .name = name };
    image->entry = image->virt_base = image->paddr_offset = image->hypercall_page =
        image->init_p2m = image->hv_start_low = ELF_UNSET;
    rc = header_check(image, &h);
    if (!rc)
        rc = segments_check(image);
    if (!rc)
        rc = elf_read_notes(image);
    return rc ? rc : addresses_check(image);
}
