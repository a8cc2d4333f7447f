/*
 * SPDX-License-Identifier: MIT
 *
 * reclaim.c - the clock algorithm on the accessed bits that the processor sets in the L1 entries.
 *
 * The hand goes round the region: an accessed page loses its bit (and its TLB entry, or the
 * processor would not set the bit again) and is spared; the next unaccessed one goes to the store.
 * Its entry then holds the store's slot, not present.  Pages with other references stay.
 */
#include "mm/reclaim.h"

#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/pt_update.h"
#include "mm/steps.h"
#include "mm/swap.h"

volatile struct reclaim_stats reclaim_stats;

void reclaim_limit(struct region *region, uint64_t pages)
{
    region->resident_limit = pages;
}

/* Next mapped page at or behind the hand, once round.  Result: false when the region has none. */
static bool hand_advance(struct region *region, struct walk *w)
{
    mfn_t root = aspace_root(region->as);
    uint64_t from = region->clock;

    for (unsigned int lap = 0; lap < 2; lap++) {
        while (pt_walk_next(root, from, region->end, w)) {
            from = w->va + PAGE_SIZE;
            region->clock = from < region->end ? from : region->start;
            if (w->entry[1] & PTE_P)
                return true;
        }
        from = region->start;
    }
    return false;
}

static int evict(struct region *region, const struct walk *w)
{
    pfn_t pfn = m2p(pte_mfn(w->entry[1]));
    uint64_t slot;
    int rc = swap_out(pfn, &slot);

    if (rc)
        return rc;
    rc = pt_write(region->as, w->va, swap_entry(slot));
    if (rc) {
        swap_free(slot);
        return rc;
    }
    step_log(STEP_EVICTED, 1, w->va, slot);
    page_put(pfn);
    region->resident--;
    reclaim_stats.evicted++;
    return 0;
}

int reclaim_make_room(struct region *region)
{
    struct walk w;

    if (!region->resident_limit && page_count(PAGE_FREE))
        return 0;
    if (region->resident_limit && region->resident < region->resident_limit)
        return 0;
    /* Twice round at most: the first lap may find every page accessed. */
    for (uint64_t n = 2 * region->resident + 2; n > 0 && hand_advance(region, &w); n--) {
        pfn_t pfn = m2p(pte_mfn(w.entry[1]));

        if (page_kind(pfn) != PAGE_ANON || page_refs(pfn) != 1)
            continue;
        if (!(w.entry[1] & PTE_A))
            return evict(region, &w);
        reclaim_stats.spared++;
        if (pt_write(region->as, w.va, w.entry[1] & ~PTE_A))
            return -XEN_ENOSPC;
    }
    return -XEN_ENOSPC;
}
