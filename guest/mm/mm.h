/*
 * SPDX-License-Identifier: MIT
 *
 * mm.h - bring-up of the guest's memory (boot_map.c) and the heap under malloc (heap.c).
 */
#ifndef GUEST_MM_H
#define GUEST_MM_H

#include <abi/abi.h>

/*
 * Maps shared_info; needed before the first page fault, as CR2 is in it.  Needs nothing else.
 */
void mm_map_shared_info(const start_info_t *si);

/* p2m, rights of the image, direct map, page allocator, kernel tables, heap; in this order. */
void mm_init(const start_info_t *si);

/*
 * Moves the end of the heap by `delta` bytes.  Result: the old end, or NULL.  No page is mapped
 * before it is touched; pages wholly above a lowered end are given back.
 */
void *heap_sbrk(long delta);

struct region;
extern struct region *heap_region;

#endif
