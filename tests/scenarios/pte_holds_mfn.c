/*
 * SPDX-License-Identifier: MIT
 *
 * pte-holds-mfn: entries of a paravirtual guest's page tables hold machine frames.
 *
 * Background: the processor walks the guest's own tables, so what they hold must be machine frame
 * numbers.  The guest counts its memory in pseudo-physical frames; p2m and m2p convert, and an
 * accessor that converts is why other kernels show a "physical" number for the same entry.
 *
 * Steps: read the entry of a page that is known by its PFN, in memory and by eye; then, for every
 * PFN the domain owns, go through p2m and m2p, and find the MFN in the direct map's entry.
 *
 * Expected: the entry's frame is p2m(PFN); m2p(p2m(PFN)) == PFN for all; no MFN occurs twice; a store
 * through another mapping of that MFN shows up in the page.
 */
#include "scenario.h"

#include "mm/p2m.h"

SCENARIO(pte_holds_mfn, "pte-holds-mfn", "entries name machine frames; p2m and m2p agree")
{
    pfn_t pfn = scenario_page();
    uint64_t va = (uint64_t)page_va(pfn), alias = scenario_va();
    struct walk w = pt_walk(aspace_root(&kernel_aspace), va);
    uint64_t differ = 0, previous = ~0UL, runs = 0;

    EXPECT(walk_mapped(&w));
    EXPECT_EQ(pte_mfn(w.entry[1]).n, p2m(pfn).n);
    scenario_note("PFN %lx: entry %016lx, MFN %lx", pfn.n, w.entry[1], pte_mfn(w.entry[1]).n);

    /* The same MFN by hand in another entry is the same memory. */
    REQUIRE(pt_map(&kernel_aspace, alias, p2m(pfn), PTE_P | PTE_RW | PTE_NX) == 0);
    *(volatile uint64_t *)alias = 0x6d616368696e65UL;
    EXPECT_EQ(*(volatile uint64_t *)va, 0x6d616368696e65UL);
    REQUIRE(pt_unmap(&kernel_aspace, alias, NULL) == 0);
    pt_trim(&kernel_aspace, alias, alias + PAGE_SIZE);

    for (uint64_t n = 0; n < p2m_count; n++) {
        mfn_t mfn = p2m(pfn_of(n));

        EXPECT_EQ(m2p(mfn).n, n); /* so no MFN is there twice */
        w = pt_walk(aspace_root(&kernel_aspace), DIRECT_MAP_VA + n * PAGE_SIZE);
        EXPECT(walk_mapped(&w));
        EXPECT_EQ(pte_mfn(w.entry[1]).n, mfn.n);
        differ += mfn.n != n;
        runs += mfn.n != previous + 1;
        previous = mfn.n;
    }
    EXPECT(differ > 0);
    scenario_reason("%lu pages both ways, %lu of them with MFN other than PFN, in %lu runs",
                    p2m_count, differ, runs);
}
