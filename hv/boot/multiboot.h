/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader says about the machine, whichever of the two multiboot protocols it speaks.
 */
#ifndef HV_BOOT_MULTIBOOT_H
#define HV_BOOT_MULTIBOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/mem_range.h"

#define BOOT_MODULES_MAX 32u
#define BOOT_STRINGS_MAX 16384u /* bytes, all strings together */

struct boot_module {
    uint64_t pa, bytes;
    const char *string; /* name and command line, as the loader gave them */
};

struct boot_info {
    const char *loader;    /* its name, "" if it gave none */
    const char *cmdline;   /* without the name of the image */
    struct mem_ranges ram; /* whole pages */
    unsigned modules;
    struct boot_module module[BOOT_MODULES_MAX];
    bool truncated; /* something did not fit and was left out */
    uint32_t strings_used;
    char strings[BOOT_STRINGS_MAX];
};

/*
 * Reads the loader's information into *info, which is all zero; nothing in it points at the loader's
 * memory afterwards (the modules themselves stay where they are). magic and info_pa as head.S found
 * them in EAX and EBX; reach: machine addresses below it are in the direct map already. Result: 0, or
 * what is wrong, as text.
 */
const char *multiboot_read(struct boot_info *info, uint32_t magic, uint32_t info_pa,
                           uint64_t reach);

#endif
