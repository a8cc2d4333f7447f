/*
 * SPDX-License-Identifier: MIT
 *
 * pt_page.h - the life of a page-table page, in the order the ABI requires.
 *
 *      make:     allocate, clear, MFN from PFN, read-only, pin          pt_page_make
 *      use:      hook into the table above                              pt_page_hook
 *      end:      unhook                                                 pt_page_unhook
 *      release:  unpin, writable, free                                  pt_page_release
 *
 * Read-only comes before the pin, as a frame with a writable mapping cannot become a page table; the
 * unpin comes before writable, as a page table cannot get one.  Hooking before pinning would also be
 * accepted (it validates the table the same way); pinning first makes an error visible while nothing
 * refers to the page yet.
 */
#ifndef GUEST_MM_PT_PAGE_H
#define GUEST_MM_PT_PAGE_H

#include <abi/abi.h>

#include "mm/walk.h"

struct aspace;

/* What an entry above L1 carries, kernel and user alike: the hypervisor would set U and A anyway. */
#define PT_TABLE_FLAGS (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D)

/*
 * A table of `level` (1..4), zero but for what `fill` (may be NULL) writes, read-only and pinned.
 * Result: 0 and its PFN; -XEN_ENOMEM; or the hypervisor's error, nothing kept.
 */
int pt_page_make(unsigned int level, void (*fill)(pte_t *table), pfn_t *pfn);

/* Unpins, makes writable and frees.  Nothing may refer to the table any more. */
void pt_page_release(pfn_t pfn);

/* The same in two steps, for a caller who still has to read the entries: unpin and writable... */
void pt_page_retire(pfn_t pfn);
/* ...and free. */
void pt_page_free(pfn_t pfn);

/*
 * Writes the entry of `level` in the address space's table (for an L4 entry: in its kernel and its
 * user L4): hook with the table's PFN, unhook clears.  Result: 0 or the hypervisor's error.
 */
int pt_page_hook(struct aspace *as, const struct walk *w, unsigned int level, pfn_t pfn);
int pt_page_unhook(struct aspace *as, const struct walk *w, unsigned int level);

#endif
