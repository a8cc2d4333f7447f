/*
 * SPDX-License-Identifier: MIT
 *
 * page.h - the page allocator: every PFN of the domain, its kind and its references.
 *
 * A free page has no references; a page goes back to the free list when its last one is dropped.
 * Every page is mapped in the direct map, writable unless it is a page table (pt_page.c) or text.
 */
#ifndef GUEST_MM_PAGE_H
#define GUEST_MM_PAGE_H

#include <abi/abi.h>

#include "mm/layout.h"

enum page_kind {
    PAGE_RESERVED, /* image, boot tables, start_info, ramdisk: never freed */
    PAGE_FREE,
    PAGE_KERNEL, /* stacks, pools, tables of this allocator */
    PAGE_TABLE,  /* page tables: life in pt_page.c */
    PAGE_ANON,   /* contents of regions */
    PAGE_CACHE,  /* one copy of a page of a ramdisk file; the cache holds one reference */
    PAGE_SWAP,   /* an evicted page's contents */
    PAGE_KINDS
};

/* Takes over the PFNs first..count-1; the ones below stay PAGE_RESERVED.  Called by mm_init. */
void page_init(pfn_t first, uint64_t count);

/* A page with one reference, contents undefined.  Result: PFN_NONE when there is none. */
pfn_t page_alloc(enum page_kind kind);

/* The same, filled with zeros. */
pfn_t page_alloc_zero(enum page_kind kind);

void page_get(pfn_t pfn);
void page_put(pfn_t pfn); /* frees with the last reference */
uint32_t page_refs(pfn_t pfn);
enum page_kind page_kind(pfn_t pfn);

/* Pages now of a kind; page_count(PAGE_FREE) is what a leak test compares. */
uint64_t page_count(enum page_kind kind);

void page_clear(pfn_t pfn);
void page_copy(pfn_t to, pfn_t from);

static inline bool page_none(pfn_t pfn)
{
    return pfn.n == ~0UL;
}

#endif
