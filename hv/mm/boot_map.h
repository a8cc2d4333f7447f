/* SPDX-License-Identifier: MIT */
/*
 * Builds the hypervisor's final map and its tables, once, from the memory map of the boot loader.
 */
#ifndef HV_MM_BOOT_MAP_H
#define HV_MM_BOOT_MAP_H

#include <stdbool.h>

#include "mm/mem_range.h"

/*
 * Builds the idle page table, loads it, and initialises frame table and M2P: frames in *free are
 * OWNER_NONE, those of *firmware (in the first MiB, none of them free) the firmware's, other frames
 * of *ram OWNER_HV, the rest OWNER_IO. What it needs itself is taken out of *free; on return free
 * holds what may be given to page_alloc_add().
 * Needs the temporary map of boot/head.S. False when memory runs out (nothing was loaded then).
 */
bool boot_map_build(const struct mem_ranges *ram, const struct mem_ranges *firmware,
                    struct mem_ranges *free);

/* Gives [start, end), page aligned RAM that boot_map_build() saw in use, to the allocator. */
void boot_map_release(uint64_t start, uint64_t end);

/* Gives back what only the boot needed: the temporary page tables. Makes firmware_blank. */
void boot_map_finish(void);

/* Machine addresses of the image, its boot-only end included. */
struct mem_range boot_map_image(void);

#endif
