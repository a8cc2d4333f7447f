/* SPDX-License-Identifier: MIT */
/*
 * Free frames: a buddy allocator whose links live in the type words of free frames.
 * Pages handed out have owner OWNER_HV and general count 0 (uncounted); frame_assign() makes them
 * a domain's. Content is unspecified: owner_alloc() and page_alloc_zeroed() clear it.
 */
#ifndef HV_MM_PAGE_ALLOC_H
#define HV_MM_PAGE_ALLOC_H

#include <stdint.h>

#include "mm/frame.h"

#define PAGE_ORDER_MAX 18u /* 2^18 frames, 1 GiB */

/* Gives frames [first, first + count) to the allocator: at boot, for each range of free RAM. */
void page_alloc_add(mfn_t first, uint64_t count);

/* 2^order frames, aligned to their size, or MFN_NONE. */
mfn_t page_alloc(unsigned order);

/* One page, zeroed; the hypervisor's address of it, or 0. */
void *page_alloc_zeroed(void);

/* Gives back 2^order frames. */
void page_free(mfn_t mfn, unsigned order);

/* Frames that are free now. */
uint64_t page_free_count(void);

#endif
