/* SPDX-License-Identifier: MIT */
/*
 * The one page-table walk: by frame number through the direct map, never through guest-controlled
 * translations (hazard P8). Stops at what it finds; entries under a superpage bit are not followed.
 */
#ifndef HV_PT_WALK_H
#define HV_PT_WALK_H

#include "geometry.h"
#include "hooks.h"
#include "mm/frame.h"

struct walk {
    unsigned level;    /* lowest level reached: 1 = the L1 entry was read */
    uint64_t entry[5]; /* entry[4] .. entry[level] as read, index = level */
    mfn_t table[5];    /* frames of the tables visited, index = level */
    unsigned slot[5];  /* index within the table of each level */
};

/*
 * Walks va from the L4 in frame root. True when the L1 table was reached (w->level == 1 and
 * w->table[1] valid; the L1 entry itself may be non-present), false when a higher entry is not
 * present, names no RAM, or va is non-canonical.
 */
bool walk_tables(struct walk *w, mfn_t root, uint64_t va);

/* The index of va in a table of this level. */
static inline unsigned walk_slot(uint64_t va, unsigned level)
{
    return (va >> (PAGE_SHIFT + (level - 1) * PT_INDEX_BITS)) & (PT_ENTRIES - 1);
}

/* The same in bytes. */
static inline unsigned walk_offset(uint64_t va, unsigned level)
{
    return (va >> (PAGE_SHIFT - 3 + (level - 1) * PT_INDEX_BITS)) & (PT_ENTRIES - 1) << 3;
}

/* One step of walk_to_l1(): the entry for va in the table at a machine address. */
static inline uint64_t walk_entry(uint64_t table_ma, uint64_t va, unsigned level)
{
    const char *table = ma_va(table_ma & PTE_ADDR_MASK);

    return hook_guest_read64((const uint64_t *)(table + walk_offset(va, level)));
}

/*
 * The same walk for the current vCPU's own root (a machine address) and a VA that is the guest's
 * (guest_va_ok()): every table on the way is validated, so its present entries name tables. The
 * machine address of the L1, or WALK_NO_L1. Written out: a loop costs twice as much.
 */
#define WALK_NO_L1 (~0ull)
static inline uint64_t walk_to_l1(uint64_t root, uint64_t va)
{
    uint64_t pte = walk_entry(root, va, 4);

    if (__builtin_expect(!(pte & PTE_P), 0))
        return WALK_NO_L1;
    pte = walk_entry(pte, va, 3);
    if (__builtin_expect(!(pte & PTE_P), 0))
        return WALK_NO_L1;
    pte = walk_entry(pte, va, 2);
    return __builtin_expect(!(pte & PTE_P), 0) ? WALK_NO_L1 : pte & PTE_ADDR_MASK;
}

#endif
