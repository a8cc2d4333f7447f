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

/*
 * The same walk for the current vCPU's own root and a VA that is the guest's (guest_va_ok()): every
 * table on the way is validated, so its present entries name tables. True with *table set to the L1.
 */
static inline bool walk_to_l1(mfn_t root, uint64_t va, mfn_t *table)
{
    *table = root;
    for (unsigned level = 4; level > 1; level--) {
        uint64_t pte = hook_guest_read64((uint64_t *)frame_va(*table) + walk_slot(va, level));

        if (!(pte & PTE_P))
            return false;
        *table = pte_mfn(pte);
    }
    return true;
}

#endif
