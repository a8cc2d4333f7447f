/*
 * SPDX-License-Identifier: MIT
 *
 * heap.c - malloc's arena: one anonymous region whose end is the program break.
 */
#include "guest.h"
#include "mm/aspace.h"
#include "mm/mm.h"
#include "mm/region.h"

struct region *heap_region;

static uint64_t heap_end = HEAP_VA;

void *heap_sbrk(long delta)
{
    uint64_t old = heap_end, end = heap_end + (uint64_t)delta;

    if (end < HEAP_VA || end > HEAP_VA + HEAP_MAX)
        return NULL;
    if (!heap_region) {
        heap_region = region_add(&kernel_aspace, HEAP_VA, HEAP_VA + PAGE_SIZE, REGION_R | REGION_W,
                                 &region_anon);
        if (!heap_region)
            return NULL;
    }
    uint64_t limit = page_ceil(end) > HEAP_VA ? page_ceil(end) : HEAP_VA + PAGE_SIZE;

    if (limit < heap_region->end)
        region_discard(heap_region, limit, heap_region->end);
    heap_region->end = limit;
    heap_end = end;
    return (void *)old;
}
