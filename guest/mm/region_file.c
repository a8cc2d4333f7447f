/*
 * SPDX-License-Identifier: MIT
 *
 * region_file.c - pages of a ramdisk file, mapped read-only from the page cache.
 *
 * However many address spaces map a file, each of its pages is in memory once.  The last page of a
 * mapping shows the file's bytes behind file_bytes too, as long as nobody may write: region_cow.c
 * makes the private copy whose rest is zero.
 */
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/page_cache.h"
#include "mm/pt_update.h"
#include "mm/region.h"
#include "mm/steps.h"

static int file_page(struct region *region, uint64_t va, pfn_t *pfn, bool *shared)
{
    uint64_t offset = va - region->start;
    int rc;

    if (offset >= region->file_bytes)
        return region_anon.page(region, va, pfn, shared);
    rc = page_cache_get(region->file, region->file_page + (offset >> PAGE_SHIFT), pfn);
    if (rc)
        return rc;
    *shared = true;
    step_log(STEP_FILLED, 0, pfn->n, (uint64_t) "page cache");
    return 0;
}

static int file_fault(struct region *region, const struct fault *fault)
{
    struct walk w = pt_walk(aspace_root(region->as), fault->va);
    bool shared;
    pfn_t pfn;
    int rc;

    if (walk_mapped(&w))
        return -XEN_EACCES;
    rc = file_page(region, fault->va, &pfn, &shared);
    if (rc)
        return rc;
    rc = pt_map(region->as, fault->va, p2m(pfn), region_pte_flags(region, false));
    if (rc) {
        page_put(pfn);
        return rc;
    }
    region->resident++;
    return 0;
}

const struct region_policy region_file = {
    .name = "file",
    .fault = file_fault,
    .page = file_page,
};
