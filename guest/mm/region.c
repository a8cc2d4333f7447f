/*
 * SPDX-License-Identifier: MIT
 *
 * region.c - the list of regions of an address space, and what is the same for all policies.
 *
 * Invariant: regions of one list do not overlap; a page mapped in a region holds one reference.
 */
#include "mm/region.h"

#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/pool.h"
#include "mm/pt_update.h"
#include "mm/swap.h"

static struct pool regions = POOL_OF(struct region);

struct region *region_find(struct region *list, uint64_t va)
{
    for (; list; list = list->next)
        if (va >= list->start && va < list->end)
            return list;
    return NULL;
}

struct region *region_of(struct aspace *as, uint64_t va)
{
    return region_find(va >= KERNEL_VA ? kernel_aspace.regions : as->regions, va);
}

static bool range_free(const struct aspace *as, uint64_t start, uint64_t end)
{
    for (const struct region *r = as->regions; r; r = r->next)
        if (start < r->end && r->start < end)
            return false;
    return true;
}

struct region *region_add(struct aspace *as, uint64_t start, uint64_t end, unsigned int rights,
                          const struct region_policy *policy)
{
    if (start >= end || (start | end) & ~PAGE_MASK || !range_free(as, start, end))
        return NULL;
    struct region *r = pool_alloc(&regions);

    if (!r)
        return NULL;
    *r = (struct region){
        .next = as->regions,
        .as = as,
        .start = start,
        .end = end,
        .rights = rights,
        .policy = policy,
        .clock = start,
    };
    as->regions = r;
    return r;
}

struct region *region_add_file(struct aspace *as, uint64_t start, uint64_t end, unsigned int rights,
                               const struct ramdisk_file *file, uint64_t file_page,
                               uint64_t file_bytes)
{
    struct region *r =
        region_add(as, start, end, rights, rights & REGION_W ? &region_cow : &region_file);

    if (r) {
        r->below = &region_file;
        r->file = file;
        r->file_page = file_page;
        r->file_bytes = file_bytes;
    }
    return r;
}

void region_entry_drop(struct region *region, pte_t entry)
{
    if (!(entry & PTE_P)) {
        swap_free(swap_slot(entry));
        return;
    }
    page_put(m2p(pte_mfn(entry)));
    if (region)
        region->resident--;
}

void region_discard(struct region *region, uint64_t start, uint64_t end)
{
    struct walk w;
    pte_t old;

    while (pt_walk_next(aspace_root(region->as), start, end, &w)) {
        if (pt_unmap(region->as, w.va, &old) == 0)
            region_entry_drop(region, old);
        start = w.va + PAGE_SIZE;
    }
}

void region_forget(struct region **list)
{
    struct region *r = *list;

    *list = r->next;
    pool_free(&regions, r);
}

void region_remove(struct region *region)
{
    struct region **at = &region->as->regions;

    region_discard(region, region->start, region->end);
    pt_trim(region->as, region->start, region->end);
    while (*at != region)
        at = &(*at)->next;
    region_forget(at);
}
