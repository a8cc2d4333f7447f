/* SPDX-License-Identifier: MIT */
/*
 * What the builder's files share while one domain is built: the layout, and the domain's memory as
 * extents of machine frames. Pseudo-physical frames of the initial region and its addresses run in
 * step: VA = v_start + pfn * 4096.
 */
#ifndef HV_DOM_BUILD_PLAN_H
#define HV_DOM_BUILD_PLAN_H

#include "dom/build.h"
#include "dom/domain.h"
#include "dom/elf.h"

#define BUILD_EXTENTS_MAX 512u

struct build_region {
    uint64_t pfn, pages; /* 0 pages: not there */
    uint64_t bytes;      /* what is used of it */
};

struct build_extent {
    uint64_t pfn; /* first of it; ends where the next extent begins */
    mfn_t mfn;
};

struct build_plan {
    struct domain *d;
    struct elf_image elf;
    const struct build_image *kernel, *ramdisk;
    uint64_t pages; /* of the domain */

    uint64_t v_start, v_end;
    struct build_region image, initrd, p2m, start_info, store, console, tables, stack;
    uint64_t p2m_va;                /* inside the region, or where INIT_P2M wants it */
    struct build_region p2m_tables; /* for INIT_P2M */
    bool p2m_apart;                 /* INIT_P2M: p2m and its tables lie behind v_end */
    bool initrd_apart;              /* MOD_START_PFN: the ramdisk lies behind v_end, unmapped */

    unsigned extents;
    struct build_extent extent[BUILD_EXTENTS_MAX + 1]; /* the last one ends the list */
};

static inline uint64_t build_va(const struct build_plan *b, uint64_t pfn)
{
    return b->v_start + pfn * PAGE_SIZE;
}

/* ---- dom/build_memory.c ---- */

/* Allocates the domain's pages, zeroed, and enters them in the M2P. 0 or -ENOMEM. */
int build_memory_alloc(struct build_plan *b);

/* The machine frame of pfn, and how many more pages follow it contiguously (*run >= 1). */
mfn_t build_mfn_run(const struct build_plan *b, uint64_t pfn, uint64_t *run);
mfn_t build_mfn(const struct build_plan *b, uint64_t pfn);

/* Copies bytes to the pseudo-physical address (bytes from PFN 0). Its pages exist. */
void build_write(const struct build_plan *b, uint64_t address, const void *src, uint64_t bytes);

/* Writes the p2m list into its pages. */
void build_p2m_write(const struct build_plan *b);

/* ---- dom/build_tables.c ---- */

/* Tables that map [va, va + bytes): L1, L2 and L3, without the L4. */
uint64_t build_tables_count(uint64_t va, uint64_t bytes);

/*
 * Fills the page-table pages of the plan, maps the initial region (tables read-only) and p2m, pins
 * the L4 and makes it vCPU 0's kernel base. 0, or -EINVAL if promotion refuses what was built.
 */
int build_tables(struct build_plan *b);

#endif
