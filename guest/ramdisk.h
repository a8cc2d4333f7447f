/*
 * SPDX-License-Identifier: MIT
 *
 * ramdisk.h - the files of the module: a cpio archive ("newc"), read where it lies.
 */
#ifndef GUEST_RAMDISK_H
#define GUEST_RAMDISK_H

#include <abi/abi.h>

struct ramdisk_file {
    const char *name;
    const char *data; /* not page-aligned; page_cache.c makes pages of it */
    uint64_t size;    /* bytes */
};

/* Lists the archive of start_info's module; without one, or with something else, no files. */
void ramdisk_init(const start_info_t *si);

/* Result: NULL when there is no such file. */
const struct ramdisk_file *ramdisk_find(const char *name);

/* File number `n`; NULL behind the last. */
const struct ramdisk_file *ramdisk_get(unsigned int n);

#endif
