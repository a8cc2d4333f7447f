/*
 * SPDX-License-Identifier: MIT
 *
 * elf_load.h - regions for the segments of a static ELF64 program.
 */
#ifndef GUEST_ELF_LOAD_H
#define GUEST_ELF_LOAD_H

#include "ramdisk.h"

struct aspace;

/*
 * Result: 0, *entry and *end (first address behind the image, page-aligned); -XEN_EINVAL for a file
 * that is not one, or wants addresses outside the user half; -XEN_ENOMEM.
 */
int elf_load(struct aspace *as, const struct ramdisk_file *file, uint64_t *entry, uint64_t *end);

#endif
