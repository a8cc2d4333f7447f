/* SPDX-License-Identifier: MIT */
/*
 * The form that kernels without notes use: a section __xen_guest with "KEY=VALUE,KEY=VALUE". The
 * text is the image's: it is not terminated, and nothing behind it is read.
 */
#include "dom/elf.h"

#include "lib/errno.h"
#include "lib/string.h"

struct legacy_value {
    const char *text;
    size_t bytes;
};

static bool legacy_number(const struct legacy_value *v, uint64_t *value)
{
    size_t i = v->bytes > 2 && v->text[0] == '0' && (v->text[1] | 32) == 'x' ? 2 : 0;
    unsigned base = i ? 16 : 10;

    *value = 0;
    if (i >= v->bytes || v->bytes - i > 16)
        return false;
    for (; i < v->bytes; i++) {
        char c = v->text[i];
        unsigned digit = c >= '0' && c <= '9'                 ? (unsigned)(c - '0')
                         : (c | 32) >= 'a' && (c | 32) <= 'f' ? (unsigned)((c | 32) - 'a' + 10)
                                                              : 99;

        if (digit >= base)
            return false;
        *value = *value * base + digit;
    }
    return true;
}

static int legacy_pair(struct elf_image *image, const char *key, size_t key_bytes,
                       const struct legacy_value *v)
{
    static const struct {
        const char *key;
        size_t offset;
    } numbers[] = {
        { "VIRT_BASE", offsetof(struct elf_image, virt_base) },
        { "VIRT_ENTRY", offsetof(struct elf_image, entry) },
        { "ELF_PADDR_OFFSET", offsetof(struct elf_image, paddr_offset) },
        { "HYPERCALL_PAGE", offsetof(struct elf_image, hypercall_page) },
    };

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint64_t value;

        if (!elf_text_is(key, key_bytes, numbers[i].key))
            continue;
        if (!legacy_number(v, &value))
            return elf_refuse(image, "__xen_guest: %s is not a number", numbers[i].key);
        memcpy((char *)image + numbers[i].offset, &value, sizeof(value));
    }
    if (elf_text_is(key, key_bytes, "XEN_VER"))
        elf_text_copy(image->xen_version, sizeof(image->xen_version), v->text, v->bytes);
    else if (elf_text_is(key, key_bytes, "GUEST_OS"))
        elf_text_copy(image->guest_os, sizeof(image->guest_os), v->text, v->bytes);
    else if (elf_text_is(key, key_bytes, "GUEST_VER"))
        elf_text_copy(image->guest_version, sizeof(image->guest_version), v->text, v->bytes);
    else if (elf_text_is(key, key_bytes, "LOADER"))
        elf_text_copy(image->loader, sizeof(image->loader), v->text, v->bytes);
    else if (elf_text_is(key, key_bytes, "PAE"))
        image->pae = v->bytes >= 3 && !memcmp(v->text, "yes", 3);
    else if (elf_text_is(key, key_bytes, "FEATURES"))
        return elf_features_parse(image, v->text, v->bytes);
    return 0;
}

int elf_legacy_parse(struct elf_image *image, const char *text, size_t bytes)
{
    size_t end = strnlen(text, bytes), start = 0;

    for (size_t i = 0; i <= end; i++) {
        size_t eq;
        int rc;

        if (i < end && text[i] != ',')
            continue;
        for (eq = start; eq < i && text[eq] != '='; eq++)
            ;
        rc = legacy_pair(image, text + start, eq - start,
                         &(struct legacy_value){ text + eq + (eq < i), i - eq - (eq < i) });
        if (rc)
            return rc;
        start = i + 1;
    }
    /* Here the hypercall page is a page number, counted from VIRT_BASE. */
    if (image->hypercall_page != ELF_UNSET)
        image->hypercall_page = (image->virt_base == ELF_UNSET ? 0 : image->virt_base) +
                                (image->hypercall_page << 12);
    return 0;
}
