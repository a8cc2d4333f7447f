/*
 * SPDX-License-Identifier: MIT
 *
 * region_anon.c - anonymous memory: a hole reads as zeros, an evicted page as what it held.
 */
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/pt_update.h"
#include "mm/reclaim.h"
#include "mm/region.h"
#include "mm/steps.h"
#include "mm/swap.h"

static int anon_page(struct region *region, uint64_t va, pfn_t *pfn, bool *shared)
{
    (void)region;
    (void)va;
    *shared = false;
    *pfn = page_alloc_zero(PAGE_ANON);
    if (page_none(*pfn))
        return -XEN_ENOMEM;
    step_log(STEP_FILLED, 0, pfn->n, (uint64_t) "zeros");
    return 0;
}

static int anon_fault(struct region *region, const struct fault *fault)
{
    struct walk w = pt_walk(aspace_root(region->as), fault->va);
    bool shared, swapped = w.level == 1 && w.entry[1];
    pfn_t pfn;
    int rc;

    if (walk_mapped(&w))
        return -XEN_EACCES; /* an access the entry forbids */
    rc = reclaim_make_room(region);
    if (rc)
        return rc;
    rc = swapped ? swap_in(swap_slot(w.entry[1]), &pfn)
                 : anon_page(region, fault->va, &pfn, &shared);
    if (rc)
        return rc;
    rc = pt_map(region->as, fault->va, p2m(pfn),
                region_pte_flags(region, region->rights & REGION_W));
    if (rc) {
        page_put(pfn);
        return rc;
    }
    if (swapped)
        swap_free(swap_slot(w.entry[1]));
    region->resident++;
    return 0;
}

const struct region_policy region_anon = {
    .name = "anonymous",
    .fault = anon_fault,
    .page = anon_page,
};
