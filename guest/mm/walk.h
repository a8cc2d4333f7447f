/*
 * SPDX-License-Identifier: MIT
 *
 * walk.h - the one page-table walk.
 *
 *      root MFN ── L4 ──► L3 ──► L2 ──► L1 ──► page
 *                  entry[4] entry[3] entry[2] entry[1]
 *
 * Each entry holds the MFN of the next table; m2p and the direct map make it readable.  Everybody
 * who looks at a page table in this kernel, scenarios included, does it here.
 */
#ifndef GUEST_MM_WALK_H
#define GUEST_MM_WALK_H

#include <abi/abi.h>

struct walk {
    uint64_t va;
    unsigned int level;   /* lowest level whose table exists: 1 when there is an L1 */
    mfn_t table[5];       /* [4]..[level]: the tables' frames */
    const pte_t *slot[5]; /* [4]..[level]: VA of the entry, for reading only */
    pte_t entry[5];       /* [4]..[level]: what it held; 0 below */
};

/* Walks `va` from the L4 `root`.  Stops at the first entry that is not present, or a superpage. */
struct walk pt_walk(mfn_t root, uint64_t va);

/* Machine address (bytes) of the entry of `level`: what mmu_update wants. */
uint64_t walk_slot_ma(const struct walk *w, unsigned int level);

/* True when `va` has a page. */
static inline bool walk_mapped(const struct walk *w)
{
    return w->level == 1 && (w->entry[1] & PTE_P);
}

/*
 * Finds the first address in [va, end) whose L1 entry is not zero (mapped or swapped out), skipping
 * what has no table.  Result: false when there is none; else w is its walk, w->va the page.
 */
bool pt_walk_next(mfn_t root, uint64_t va, uint64_t end, struct walk *w);

#endif
