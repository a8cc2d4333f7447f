/*
 * SPDX-License-Identifier: MIT
 *
 * ramdisk.c - a list of the archive's regular files.
 *
 * "newc": a header of 110 ASCII characters (magic 070701, then 13 numbers of 8 hex digits), the name,
 * padding to 4, the data, padding to 4; the last entry is called TRAILER!!!.  Every length is checked
 * against the end of the module.
 */
#include "ramdisk.h"

#include "kprint.h"
#include "mm/layout.h"

#include <string.h>

#define FILES_MAX    64U
#define HEADER_BYTES 110UL
#define FIELD_MODE   1
#define FIELD_SIZE   6
#define FIELD_NAME   11

static struct ramdisk_file files[FILES_MAX];
static unsigned int files_count;

static uint64_t field(const char *header, unsigned int n)
{
    uint64_t value = 0;

    for (unsigned int i = 0; i < 8; i++) {
        char c = header[6 + n * 8 + i];

        value = value * 16 + (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static uint64_t align4(uint64_t n)
{
    return (n + 3) & ~3UL;
}

void ramdisk_init(const start_info_t *si)
{
    const char *at = si->flags & SIF_MOD_START_PFN ? page_va(pfn_of(si->mod_start))
                                                   : (const char *)si->mod_start;
    uint64_t left = si->mod_start ? si->mod_len : 0;

    while (left > HEADER_BYTES && !memcmp(at, "070701", 6)) {
        uint64_t name_bytes = field(at, FIELD_NAME), size = field(at, FIELD_SIZE);
        uint64_t data = align4(HEADER_BYTES + name_bytes), next = data + align4(size);
        const char *name = at + HEADER_BYTES;

        if (!name_bytes || name_bytes > left || size > left || data + size > left ||
            name[name_bytes - 1] || !strcmp(name, "TRAILER!!!"))
            break;
        if ((field(at, FIELD_MODE) & 0170000) == 0100000 && files_count < FILES_MAX)
            files[files_count++] = (struct ramdisk_file){ name, at + data, size };
        if (next >= left)
            break;
        at += next;
        left -= next;
    }
    if (si->mod_start && si->mod_len && !files_count)
        kprint("ramdisk: the module is not a cpio archive\n");
}

const struct ramdisk_file *ramdisk_find(const char *name)
{
    while (*name == '/')
        name++;
    for (unsigned int i = 0; i < files_count; i++)
        if (!strcmp(files[i].name, name))
            return &files[i];
    return NULL;
}

const struct ramdisk_file *ramdisk_get(unsigned int n)
{
    return n < files_count ? &files[n] : NULL;
}
