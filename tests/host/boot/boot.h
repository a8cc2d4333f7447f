/* SPDX-License-Identifier: MIT */
/*
 * A machine at boot: memory, a memory map, and the map of the hypervisor that the real code makes of
 * them. Until a root is loaded the temporary map of boot/head.S is in force, the first 4 GiB. Then the
 * direct map, the M2P and the frame table are where the tables that were made have them, with the
 * rights that those give: what was forgotten, or may not be written, is a segmentation fault.
 */
#ifndef TESTS_HOST_BOOT_H
#define TESTS_HOST_BOOT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/boot_map.h"
#include "mm/frame.h"
#include "mm/hv_map.h"
#include "mm/layout.h"
#include "mm/m2p.h"

#define MIB      0x100000ul
#define GIB      0x40000000ul
#define BIG      (2 * MIB) /* what an L2 entry maps */
#define PAGES(n) ((n)*PAGE_SIZE)
#define GARBAGE  0x2525252525252525ul /* what is in the first MiBs: entries that are present */

#define BOOT_MEMORY  (6 * GIB) /* no range lies above */
#define BOOT_GARBAGE (16 * MIB)

/* Where the image's parts end, as hv.lds.S would have it. The page at BOOT_GUARD is not mapped. */
#define BOOT_TEXT_END   (HV_IMAGE_VA + PAGES(5))
#define BOOT_RODATA_END (HV_IMAGE_VA + PAGES(8))
#define BOOT_GUARD      (HV_IMAGE_VA + PAGES(12))
#define BOOT_TABLES     (HV_IMAGE_VA + PAGES(16))
#define BOOT_IMAGE_END  (HV_IMAGE_VA + PAGES(22))

/* What boot_map_build() is given: RAM; what of its first MiB no module is in; what of it is free. */
extern struct mem_ranges boot_ram, boot_firmware, boot_free;

/* The fail_at-th fallible step fails; 0 = none. */
extern unsigned boot_fail_at, boot_steps;
extern unsigned boot_loads;   /* roots that were loaded */
extern unsigned boot_reloads; /* times that the one in force was loaded again */
extern uint64_t boot_flushed; /* the address of which a translation was flushed last */
extern unsigned boot_accesses;
/* Called as another CPU's step would fall, at the boot_other_at-th shared access. */
extern void (*boot_other)(void);
extern unsigned boot_other_at;

/* A machine with this RAM and nothing but the image in it; before it is given back, boot_end(). */
void boot_begin(const struct mem_range *ram, unsigned count);
void boot_end(void);

/* The same with this much memory from 1 MiB on, booted, all that is free with the allocator. */
void boot_small(uint64_t bytes);

/* Memory, whether it is mapped or not. */
void *boot_memory(uint64_t pa);

/* Every present entry under a table of this level. */
typedef void boot_visit(uint64_t va, unsigned level, uint64_t entry, bool leaf);
void boot_walk(uint64_t table_pa, unsigned top, boot_visit *visit);

/* The present entry of va of this level, or of a larger page above it; 0 = none. */
uint64_t boot_entry(uint64_t table_pa, unsigned top, uint64_t va, unsigned level);

#endif
