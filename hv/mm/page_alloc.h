/* SPDX-License-Identifier: MIT */
/*
 * Free frames: a buddy allocator whose links live in the type words of free frames.
 * Pages handed out have owner OWNER_HV and general count 0 (uncounted); frame_assign() makes them
 * a domain's. Content is unspecified: owner_alloc() and page_alloc_zeroed() clear it.
 */
#ifndef HV_MM_PAGE_ALLOC_H
#define HV_MM_PAGE_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/frame.h"

#ifndef PAGE_ORDER_MAX
#define PAGE_ORDER_MAX 18u /* 2^18 frames, 1 GiB */
#endif

/* Gives frames [first, first + count) to the allocator: at boot, for each range of free RAM. */
void page_alloc_add(mfn_t first, uint64_t count);

/* 2^order frames, aligned to their size, or MFN_NONE. */
mfn_t page_alloc(unsigned order);

/*
 * Zeroes one page. Plain stores, because clearing a guest's memory is most of what a boot does, and
 * an emulated CPU pays two instructions for each word of REP STOSQ.
 */
static inline void page_clear(void *page)
{
    char *middle = (char *)page + 128, *end = middle + 4096; /* of 256 bytes at a time */

    asm volatile("1:\n\t"
                 ".set offset, -128\n\t"
                 ".rept 32\n\t"
                 "mov %[zero], offset(%[at])\n\t"
                 ".set offset, offset + 8\n\t"
                 ".endr\n\t"
                 "add $256, %[at]\n\t"
                 "cmp %[end], %[at]\n\t"
                 "jne 1b"
                 : [at] "+r"(middle)
                 : [zero] "r"(0ul), [end] "r"(end)
                 : "memory", "cc");
}

/* One page, zeroed; the hypervisor's address of it, or 0. */
void *page_alloc_zeroed(void);

/* Gives back 2^order frames. */
void page_free(mfn_t mfn, unsigned order);

/* Frames that are free now. */
uint64_t page_free_count(void);

/* For the auditor: the order of the block that a free frame heads, -1 if it heads none. */
int page_block_order(uint64_t n);
/* Blocks in the list of this order, as far as its links hold together. */
uint64_t page_free_blocks(unsigned order);

/* False while a block is on its way: a panic finds out whether there is memory to be had. */
bool page_alloc_idle(void);

#endif
