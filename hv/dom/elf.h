/* SPDX-License-Identifier: MIT */
/*
 * The guest kernel's ELF image and what its Xen notes ask for. The image is hostile input: every
 * offset, size and count in it is checked against the bytes that are there before it is used.
 * Compiles for the host (fuzzing); knows nothing of domains.
 */
#ifndef HV_DOM_ELF_H
#define HV_DOM_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_UNSET (~0ull)
#define ELF_PAGE  4096ull

enum elf_notes_place { ELF_NOTES_SEGMENT, ELF_NOTES_SECTION, ELF_NOTES_LEGACY };

struct elf_image {
    const uint8_t *data;
    size_t bytes;
    const char *name; /* for messages */

    /* Program headers that are loaded; elf_segment() gives them one by one. */
    const uint8_t *phdrs;
    unsigned phnum, phentsize;
    uint64_t pstart, pend; /* lowest and highest p_paddr, bytes; pend excluded */
    uint64_t e_entry;

    /* Xen notes; ELF_UNSET where there is none and no default. */
    enum elf_notes_place place;
    uint64_t entry, virt_base, paddr_offset, hypercall_page, init_p2m;
    uint64_t hv_start_low;
    bool mod_start_pfn;
    bool pae;                    /* PAE_MODE is exactly "yes" */
    bool supported_given;        /* SUPPORTED_FEATURES is there */
    uint32_t features, required; /* by XENFEAT_* bit */
    char xen_version[16], guest_os[16], loader[16], guest_version[32];

    /* Derived: the kernel's place in the initial address space, VAs. */
    uint64_t v_kstart, v_kend;
};

struct elf_segment {
    uint64_t paddr, memsz; /* bytes */
    const uint8_t *data;   /* filesz bytes of content; the rest of memsz is zero */
    uint64_t filesz;
};

/*
 * Reads headers and notes of an image of bytes at data into *image, which points into data from
 * then on. 0, or -EINVAL after one line that says what is wrong:
 *     Guest kernel "NAME": not an ELF image
 */
int elf_parse(struct elf_image *image, const void *data, size_t bytes, const char *name);

/* The index-th program header: true, and *segment is filled, if it is one that is loaded. */
bool elf_segment(const struct elf_image *image, unsigned index, struct elf_segment *segment);

/* VA at which a kernel's p_paddr lies. */
static inline uint64_t elf_paddr_va(const struct elf_image *image, uint64_t paddr)
{
    return paddr - image->paddr_offset + image->virt_base;
}

/* The messages' frame, for what the builder finds wrong. Returns -EINVAL. */
int elf_refuse(const struct elf_image *image, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* elf_legacy.c: reads the text of a __xen_guest section. 0 or -EINVAL. */
int elf_legacy_parse(struct elf_image *image, const char *text, size_t bytes);

/* elf_notes.c, for both forms. Feature names, joined by '|': 0, or -EINVAL for an unknown "!name". */
int elf_features_parse(struct elf_image *image, const char *text, size_t bytes);
/* Copies text of at most bytes, cut to fit, always terminated. */
void elf_text_copy(char *dst, size_t size, const char *src, size_t bytes);
bool elf_text_is(const char *text, size_t bytes, const char *word);

/* elf_notes.c: finds and reads the notes. The headers of *image are checked. 0 or -EINVAL. */
int elf_read_notes(struct elf_image *image);

/* A range of the image: its first byte, or 0 if offset and bytes are not inside of it. */
static inline const uint8_t *elf_range(const struct elf_image *image, uint64_t offset,
                                       uint64_t bytes)
{
    if (offset > image->bytes || bytes > image->bytes - offset)
        return 0;
    return image->data + offset;
}

#endif
