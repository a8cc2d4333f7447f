/*
 * SPDX-License-Identifier: MIT
 *
 * stage.h - the frames and page tables that the suite's questions are about.
 *
 *      l4[301] ─► l3[5] ─► l2[5] ─► l1[5] ─► a, read-only
 *
 * are validated and reached from a pinned l4 that nobody runs on; t1..t4 are pinned, empty and
 * hooked nowhere. Each question puts back what it changed.
 */
#ifndef CONFORM_STAGE_H
#define CONFORM_STAGE_H

#include "mm/p2m.h"
#include "scenario.h" /* mmuext_one */

#define STAGE_L4_INDEX 301U /* slot of l4 that leads to l3 */
#define STAGE_INDEX    5U   /* slot of the other tables that leads on */
#define STAGE_FREE     20U  /* a slot of each table for the questions; of an L4: L4_FREE */
#define STAGE_L4_FREE  320U

/* A frame that a question can name. */
struct kind {
    const char *name;
    mfn_t mfn;
    pfn_t pfn; /* PFN_NONE: not this domain's */
};

enum {
    KIND_A,    /* an ordinary page, writable in the direct map */
    KIND_B,    /* another */
    KIND_RO,   /* zeros; mapped read-only only */
    KIND_BARE, /* zeros; not mapped at all */
    KIND_L1,
    KIND_L2,
    KIND_L3,
    KIND_L4,
    KIND_T1,
    KIND_T2,
    KIND_T3,
    KIND_T4,
    KIND_ROOT, /* the L4 that runs */
    KIND_SEG,  /* a page of descriptors, in the GDT's first 512 entries */
    KIND_SHARED,
    KIND_FREE,  /* RAM that is nobody's, or the hypervisor's */
    KIND_M2P,   /* a frame of the M2P */
    KIND_ZERO,  /* frame 0 */
    KIND_VGA,   /* device memory in the first MiB */
    KIND_APIC,  /* device memory above RAM */
    KIND_LAST,  /* the last frame that the hypervisor counts as memory */
    KIND_END,   /* the one behind it */
    KIND_FAR,   /* a frame number with bit 35 set */
    KIND_ONES_, /* all ones but the lowest bit */
    KIND_ONES,  /* all 40 bits */
    KINDS
};

extern struct kind kinds[KINDS];

void stage_make(void);

/* The tables of the stage by level 1..4, and the pinned ones. */
static inline struct kind *stage_table(unsigned int level)
{
    return &kinds[KIND_L1 + level - 1];
}

static inline struct kind *stage_pinned(unsigned int level)
{
    return &kinds[KIND_T1 + level - 1];
}

static inline unsigned int stage_free(unsigned int level)
{
    return level == 4 ? STAGE_L4_FREE : STAGE_FREE;
}

/*
 * A page as the direct map shows it: writable, read-only, or (flags 0) not at all. Result: 0 or
 * error.
 */
long page_rights(pfn_t pfn, uint64_t flags);

/* One mmu_update, with `done`. */
long update_one(uint64_t ptr, uint64_t value, unsigned int *done);

static inline uint64_t slot_ma(const struct kind *table, unsigned int index)
{
    return mfn_to_ma(table->mfn) + index * sizeof(pte_t);
}

/* An entry of a table of this domain. */
static inline pte_t slot_read(const struct kind *table, unsigned int index)
{
    return ((volatile pte_t *)page_va(table->pfn))[index];
}

/* Domains as a request can name them. */
#define STAGE_DOMIDS 10U
extern const domid_t stage_domids[STAGE_DOMIDS];

/* For set-up that must work. */
void must(long rc, const char *what);

#endif
