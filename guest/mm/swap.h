/*
 * SPDX-License-Identifier: MIT
 *
 * swap.h - the store for evicted pages: a ramdisk of pages set aside.
 *
 * An evicted page's L1 entry is not present and holds the slot's number in its address bits, marked
 * by PTE_AVAIL0.  A slot has one owner: the entry.
 */
#ifndef GUEST_MM_SWAP_H
#define GUEST_MM_SWAP_H

#include <abi/abi.h>

#define SWAP_MAX_SLOTS 8192U

/*
 * Sets `pages` pages aside, in addition to those there are.  Without a call, the first eviction sets
 * a sixteenth of the free pages aside.  Result: 0 or -XEN_ENOMEM (none added).
 */
int swap_add(unsigned int pages);

/* Gives the pages of all free slots back; for leak tests. */
void swap_release(void);

/* Copies a page into a free slot.  Result: 0 or -XEN_ENOSPC. */
int swap_out(pfn_t pfn, uint64_t *slot);

/* Copies a slot into a new page with one reference; the slot stays.  Result: 0 or -XEN_ENOMEM. */
int swap_in(uint64_t slot, pfn_t *pfn);

void swap_free(uint64_t slot);

/* Slots in use. */
unsigned int swap_used(void);

static inline pte_t swap_entry(uint64_t slot)
{
    return (slot << PAGE_SHIFT) | PTE_AVAIL0;
}

static inline uint64_t swap_slot(pte_t entry)
{
    return pte_mfn(entry).n;
}

#endif
