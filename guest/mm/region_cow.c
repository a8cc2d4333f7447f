/*
 * SPDX-License-Identifier: MIT
 *
 * region_cow.c - copy on write: private, writable memory whose pages others may still see.
 *
 * Invariant: a page with more than one reference, or of the page cache, is mapped read-only
 * everywhere.  The last one to write a page that nobody else refers to any more keeps it.
 */
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/pt_update.h"
#include "mm/region.h"
#include "mm/reclaim.h"
#include "mm/steps.h"
#include "mm/swap.h"

/* A new page with the contents of `from`.  Result: PFN_NONE without memory. */
static pfn_t private_copy(pfn_t from)
{
    pfn_t to = page_alloc(PAGE_ANON);

    if (!page_none(to)) {
        page_copy(to, from);
        step_log(STEP_FILLED, 0, to.n, (uint64_t) "private copy");
    }
    return to;
}

/* Bytes of the file in the page at `va`; the rest of a private page is zero. */
static uint64_t file_bytes_at(const struct region *region, uint64_t va)
{
    uint64_t offset = va - region->start;

    if (region->below != &region_file || offset >= region->file_bytes)
        return PAGE_SIZE;
    uint64_t bytes = region->file_bytes - offset;

    return bytes < PAGE_SIZE ? bytes : PAGE_SIZE;
}

/* A write to a page that is there, read-only. */
static int cow_break(struct region *region, uint64_t va, pfn_t pfn)
{
    bool alone = page_kind(pfn) == PAGE_ANON && page_refs(pfn) == 1;
    pfn_t own = alone ? pfn : private_copy(pfn);

    if (page_none(own))
        return -XEN_ENOMEM;
    int rc = pt_map(region->as, va, p2m(own), region_pte_flags(region, true));

    if (!alone)
        page_put(rc ? own : pfn);
    return rc;
}

/*
 * The page for a hole.  What is only read, and all of it file, stays shared; else a private copy, zero
 * behind the file's bytes.
 */
static int cow_fill(struct region *region, const struct fault *fault, pfn_t *pfn, bool *shared)
{
    uint64_t bytes = file_bytes_at(region, fault->va);
    int rc = region->below->page(region, fault->va, pfn, shared);

    if (rc || !*shared)
        return rc;
    if (!(fault->error & PFEC_W) && bytes == PAGE_SIZE)
        return 0;
    pfn_t cached = *pfn;

    *pfn = private_copy(cached);
    page_put(cached);
    if (page_none(*pfn))
        return -XEN_ENOMEM;
    *shared = false;
    for (char *p = (char *)page_va(*pfn) + bytes; bytes < PAGE_SIZE; bytes++)
        *p++ = 0;
    return 0;
}

static int cow_fault(struct region *region, const struct fault *fault)
{
    struct walk w = pt_walk(aspace_root(region->as), fault->va);
    bool shared = false, swapped = w.level == 1 && w.entry[1] && !(w.entry[1] & PTE_P);
    pfn_t pfn;
    int rc;

    if (walk_mapped(&w)) {
        if (!(fault->error & PFEC_W) || w.entry[1] & PTE_RW)
            return -XEN_EACCES;
        return cow_break(region, fault->va, m2p(pte_mfn(w.entry[1])));
    }
    rc = reclaim_make_room(region);
    if (rc)
        return rc;
    rc = swapped ? swap_in(swap_slot(w.entry[1]), &pfn) : cow_fill(region, fault, &pfn, &shared);
    if (rc)
        return rc;
    rc = pt_map(region->as, fault->va, p2m(pfn), region_pte_flags(region, !shared));
    if (rc) {
        page_put(pfn);
        return rc;
    }
    if (swapped)
        swap_free(swap_slot(w.entry[1]));
    region->resident++;
    return 0;
}

/* One page of the original in its twin: shared, or an own copy of what is swapped out. */
static int page_duplicate(struct region *twin, const struct walk *w, struct pt_batch *batch)
{
    pfn_t pfn;
    int rc;

    if (w->entry[1] & PTE_P) {
        pfn = m2p(pte_mfn(w->entry[1]));
        page_get(pfn);
        if (w->entry[1] & PTE_RW)
            pt_batch_add(batch, walk_slot_ma(w, 1), w->entry[1] & ~PTE_RW);
    } else {
        rc = swap_in(swap_slot(w->entry[1]), &pfn);
        if (rc)
            return rc;
    }
    rc = pt_map(twin->as, w->va, p2m(pfn), region_pte_flags(twin, false));
    if (rc)
        page_put(pfn);
    else
        twin->resident++;
    return rc;
}

int region_duplicate(struct region *region, struct aspace *to)
{
    struct region *twin =
        region_add(to, region->start, region->end, region->rights, region->policy);
    static struct pt_batch batch; /* one vCPU, no yield in here */
    struct walk w;
    int rc = 0;

    if (!twin)
        return -XEN_ENOMEM;
    if (region->policy == &region_anon && region->rights & REGION_W) {
        region->below = &region_anon;
        region->policy = twin->policy = &region_cow;
    }
    twin->below = region->below;
    twin->file = region->file;
    twin->file_page = region->file_page;
    twin->file_bytes = region->file_bytes;

    pt_batch_begin(&batch);
    for (uint64_t va = region->start;
         !rc && pt_walk_next(aspace_root(region->as), va, region->end, &w); va = w.va + PAGE_SIZE)
        rc = page_duplicate(twin, &w, &batch);
    int flushed = pt_batch_end(&batch);

    return rc ? rc : flushed;
}

const struct region_policy region_cow = {
    .name = "copy-on-write",
    .fault = cow_fault,
};
