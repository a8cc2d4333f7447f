/* SPDX-License-Identifier: MIT */
/*
 * The Xen notes of a guest kernel: in PT_NOTE segments; if there are none, in SHT_NOTE sections; if
 * none either, the legacy ASCII section __xen_guest.
 *
 * Invariant: nothing is read beyond the range that holds it, each step through a range goes on by
 * at least a note header or one character, and strings are cut to their field.
 */
#include "dom/elf.h"

#include <xen/elfnote.h>
#include <xen/features.h>

#include "lib/errno.h"
#include "lib/string.h"

#define PT_NOTE    4
#define SHT_STRTAB 3
#define SHT_NOTE   7
#define SH_BYTES   64u

struct elf_phdr_note {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz;
};

struct elf_shdr {
    uint32_t name, type;
    uint64_t flags, addr, offset, size;
    uint32_t link, info;
    uint64_t addralign, entsize;
};
_Static_assert(sizeof(struct elf_shdr) == SH_BYTES, "ELF64 section header");

static const struct {
    const char *name;
    unsigned bit;
} feature_names[] = {
    { "writable_page_tables", XENFEAT_writable_page_tables },
    { "writable_descriptor_tables", XENFEAT_writable_descriptor_tables },
    { "auto_translated_physmap", XENFEAT_auto_translated_physmap },
    { "supervisor_mode_kernel", XENFEAT_supervisor_mode_kernel },
    { "pae_pgdir_above_4gb", XENFEAT_pae_pgdir_above_4gb },
    { "mmu_pt_update_preserve_ad", XENFEAT_mmu_pt_update_preserve_ad },
    { "highmem_assist", XENFEAT_highmem_assist },
    { "gnttab_map_avail_bits", XENFEAT_gnttab_map_avail_bits },
    { "hvm_callback_vector", XENFEAT_hvm_callback_vector },
    { "hvm_safe_pvclock", XENFEAT_hvm_safe_pvclock },
    { "hvm_pirqs", XENFEAT_hvm_pirqs },
    { "dom0", XENFEAT_dom0 },
};

void elf_text_copy(char *dst, size_t size, const char *src, size_t bytes)
{
    size_t n = strnlen(src, bytes);

    if (n >= size)
        n = size - 1;
    memcpy(dst, src, n);
    dst[n] = 0;
}

bool elf_text_is(const char *text, size_t bytes, const char *word)
{
    return bytes == strlen(word) && !memcmp(text, word, bytes);
}

/* One name, "!" before it when the guest cannot do without. */
static int feature_add(struct elf_image *image, const char *text, size_t bytes)
{
    bool required = bytes && text[0] == '!';

    text += required;
    bytes -= required;
    for (unsigned i = 0; i < sizeof(feature_names) / sizeof(feature_names[0]); i++) {
        if (elf_text_is(text, bytes, feature_names[i].name)) {
            image->features |= 1u << feature_names[i].bit;
            if (required)
                image->required |= 1u << feature_names[i].bit;
            return 0;
        }
    }
    if (required)
        return elf_refuse(image, "requires unknown feature \"%.*s\"", bytes > 40 ? 40 : (int)bytes,
                          text);
    return 0;
}

int elf_features_parse(struct elf_image *image, const char *text, size_t bytes)
{
    size_t end = strnlen(text, bytes), start = 0;

    for (size_t i = 0; i <= end; i++) {
        if (i < end && text[i] != '|')
            continue;
        if (i > start && feature_add(image, text + start, i - start))
            return -EINVAL;
        start = i + 1;
    }
    return 0;
}

static int number(struct elf_image *image, unsigned type, const uint8_t *desc, uint32_t bytes,
                  uint64_t *value)
{
    *value = 0;
    if (bytes != 4 && bytes != 8)
        return elf_refuse(image, "Xen note %u holds %u bytes, not a number", type, bytes);
    memcpy(value, desc, bytes);
    return 0;
}

static int note_number(struct elf_image *image, unsigned type, const uint8_t *desc, uint32_t bytes)
{
    uint64_t value;
    int rc = number(image, type, desc, bytes, &value);

    if (rc)
        return rc;
    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        image->entry = value;
        break;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        image->hypercall_page = value;
        break;
    case XEN_ELFNOTE_VIRT_BASE:
        image->virt_base = value;
        break;
    case XEN_ELFNOTE_PADDR_OFFSET:
        image->paddr_offset = value;
        break;
    case XEN_ELFNOTE_HV_START_LOW:
        image->hv_start_low = value;
        break;
    case XEN_ELFNOTE_INIT_P2M:
        image->init_p2m = value;
        break;
    case XEN_ELFNOTE_MOD_START_PFN:
        image->mod_start_pfn = value != 0;
        break;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        image->supported_given = true;
        image->features |= (uint32_t)value;
        break;
    }
    return 0;
}

static int note_read(struct elf_image *image, uint32_t type, const uint8_t *desc, uint32_t bytes)
{
    const char *text = (const char *)desc;

    switch (type) {
    case XEN_ELFNOTE_XEN_VERSION:
        elf_text_copy(image->xen_version, sizeof(image->xen_version), text, bytes);
        return 0;
    case XEN_ELFNOTE_GUEST_OS:
        elf_text_copy(image->guest_os, sizeof(image->guest_os), text, bytes);
        return 0;
    case XEN_ELFNOTE_GUEST_VERSION:
        elf_text_copy(image->guest_version, sizeof(image->guest_version), text, bytes);
        return 0;
    case XEN_ELFNOTE_LOADER:
        elf_text_copy(image->loader, sizeof(image->loader), text, bytes);
        return 0;
    case XEN_ELFNOTE_PAE_MODE:
        image->pae = elf_text_is(text, strnlen(text, bytes), "yes");
        return 0;
    case XEN_ELFNOTE_FEATURES:
        return elf_features_parse(image, text, bytes);
    case XEN_ELFNOTE_ENTRY:
    case XEN_ELFNOTE_HYPERCALL_PAGE:
    case XEN_ELFNOTE_VIRT_BASE:
    case XEN_ELFNOTE_PADDR_OFFSET:
    case XEN_ELFNOTE_HV_START_LOW:
    case XEN_ELFNOTE_INIT_P2M:
    case XEN_ELFNOTE_MOD_START_PFN:
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        return note_number(image, type, desc, bytes);
    default:
        return 0;
    }
}

/* The notes in one range. *found counts those of owner "Xen". A broken range ends the search in it. */
static int notes_read(struct elf_image *image, const uint8_t *at, uint64_t bytes, unsigned *found)
{
    while (bytes >= 12) {
        uint32_t head[3]; /* name bytes, descriptor bytes, type */
        uint64_t name, desc;

        memcpy(head, at, sizeof(head));
        at += 12;
        bytes -= 12;
        name = ((uint64_t)head[0] + 3) & ~3ull;
        desc = ((uint64_t)head[1] + 3) & ~3ull;
        if (name > bytes || head[1] > bytes - name)
            return elf_refuse(image, "bad ELF: a note is longer than its segment");
        if (head[0] == 4 && !memcmp(at, "Xen", 4)) {
            int rc = note_read(image, head[2], at + name, head[1]);

            if (rc)
                return rc;
            ++*found;
        }
        if (name + desc > bytes) /* the last descriptor's padding may be missing */
            break;
        at += name + desc;
        bytes -= name + desc;
    }
    return 0;
}

static int notes_from_segments(struct elf_image *image, unsigned *found)
{
    for (unsigned i = 0; i < image->phnum; i++) {
        struct elf_phdr_note p;
        const uint8_t *at;
        int rc;

        memcpy(&p, image->phdrs + (size_t)i * image->phentsize, sizeof(p));
        if (p.type != PT_NOTE || !p.offset)
            continue;
        at = elf_range(image, p.offset, p.filesz);
        if (!at)
            return elf_refuse(image, "truncated ELF: note segment %u lies beyond the end", i);
        rc = notes_read(image, at, p.filesz, found);
        if (rc)
            return rc;
    }
    return 0;
}

struct sections {
    const uint8_t *at;
    unsigned count, entsize, names; /* names: index of the string table */
};

/* False: there are no section headers that could be used. */
static bool sections_find(const struct elf_image *image, struct sections *s)
{
    uint64_t shoff;
    uint16_t field[3]; /* shentsize, shnum, shstrndx */

    memcpy(&shoff, image->data + 40, sizeof(shoff));
    memcpy(field, image->data + 58, sizeof(field));
    if (!shoff || !field[1] || field[0] < SH_BYTES)
        return false;
    *s = (struct sections){ elf_range(image, shoff, (uint64_t)field[1] * field[0]), field[1],
                            field[0], field[2] };
    return s->at;
}

static void section_read(const struct sections *s, unsigned index, struct elf_shdr *h)
{
    memcpy(h, s->at + (size_t)index * s->entsize, sizeof(*h));
}

static int notes_from_sections(struct elf_image *image, unsigned *found)
{
    struct sections s;
    struct elf_shdr h;

    if (!sections_find(image, &s))
        return 0;
    for (unsigned i = 0; i < s.count; i++) {
        const uint8_t *at;
        int rc;

        section_read(&s, i, &h);
        if (h.type != SHT_NOTE)
            continue;
        at = elf_range(image, h.offset, h.size);
        if (!at)
            return elf_refuse(image, "truncated ELF: note section %u lies beyond the end", i);
        rc = notes_read(image, at, h.size, found);
        if (rc)
            return rc;
    }
    return 0;
}

static int notes_from_legacy(struct elf_image *image, unsigned *found)
{
    static const char wanted[] = "__xen_guest";
    struct elf_shdr names, h;
    const uint8_t *at;
    struct sections s;

    if (!sections_find(image, &s) || s.names >= s.count)
        return 0;
    section_read(&s, s.names, &names);
    at = elf_range(image, names.offset, names.size);
    if (names.type != SHT_STRTAB || !at)
        return 0;
    for (unsigned i = 0; i < s.count; i++) {
        const uint8_t *text;

        section_read(&s, i, &h);
        if (h.name >= names.size || names.size - h.name < sizeof(wanted) ||
            memcmp(at + h.name, wanted, sizeof(wanted)))
            continue;
        text = elf_range(image, h.offset, h.size);
        if (!text)
            return elf_refuse(image, "truncated ELF: section %u lies beyond the end", i);
        ++*found;
        image->place = ELF_NOTES_LEGACY;
        return elf_legacy_parse(image, (const char *)text, h.size);
    }
    return 0;
}

/* The strings by which a kernel says that it is made for this ABI. */
static int identity_check(struct elf_image *image)
{
    if (strncmp(image->loader, "generic", 7) && strncmp(image->guest_os, "linux", 5))
        return elf_refuse(image,
                          "made neither for the generic loader nor as Linux "
                          "(LOADER \"%s\", GUEST_OS \"%s\")",
                          image->loader, image->guest_os);
    if (strncmp(image->xen_version, "xen-3.0", 7))
        return elf_refuse(image, "made for \"%s\", not for xen-3.0", image->xen_version);
    if (image->required & (1u << XENFEAT_supervisor_mode_kernel))
        return elf_refuse(image, "requires supervisor_mode_kernel");
    return 0;
}

int elf_read_notes(struct elf_image *image)
{
    static int (*const readers[])(struct elf_image *, unsigned *) = {
        [ELF_NOTES_SEGMENT] = notes_from_segments,
        [ELF_NOTES_SECTION] = notes_from_sections,
        [ELF_NOTES_LEGACY] = notes_from_legacy,
    };
    unsigned found = 0;

    for (unsigned place = 0; place < 3 && !found; place++) {
        int rc;

        image->place = place;
        rc = readers[place](image, &found);
        if (rc)
            return rc;
    }
    if (!found)
        return elf_refuse(image, "no Xen notes, nor a __xen_guest section: not made for this ABI");
    return identity_check(image);
}
