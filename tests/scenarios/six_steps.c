/*
 * SPDX-License-Identifier: MIT
 *
 * six-steps: demand paging of a library page, step by step.
 *
 * Background: the page is in memory (the page cache, or here a page filled beforehand) but no entry
 * maps it, and the address space has no L1 table for its address.  A paravirtual guest answers the
 * fault itself: every change of a page table is a request to the hypervisor, which accepts a frame
 * as page table only when no writable mapping of it exists.
 *
 * Steps: a read of an unmapped address in a file-like region; the log of guest/mm (steps.h) and the
 * tables themselves are looked at afterwards.
 *
 * Expected: 1 fault reflected with CR2 and error code 0; 2 directory looked up, no L1; 3 a page
 * for the L1, its MFN taken from its PFN; 4 read-only, then 5 pinned, then 6 hooked into the L2;
 * then the library page's MFN is in the L1 entry.  After the release, the table page is an ordinary
 * writable page again.
 */
#include "scenario.h"

#include "mm/p2m.h"

#define MARK 0x70696e696f6e0001UL

static pfn_t library_page;

/* A policy with one page, in memory since before. */
static int library_fault(struct region *region, const struct fault *fault)
{
    page_get(library_page);
    int rc = pt_map(region->as, fault->va, p2m(library_page), region_pte_flags(region, false));

    if (rc)
        page_put(library_page);
    else
        region->resident++;
    return rc;
}

static const struct region_policy library = { .name = "library", .fault = library_fault };

/* The next step in the log that is of this kind and, unless level is 0, of this level. */
static struct step_record next_step(uint64_t *at, enum step step, unsigned int level)
{
    struct step_record r = { 0 };

    while (steps_get((*at)++, &r))
        if (r.step == step && (!level || r.level == level))
            return r;
    scenario_fail("step %u of level %u is missing, or out of order", step, level);
}

SCENARIO(six_steps, "six-steps", "fault, lookup, table page, read-only, pin, hook, map: in order")
{
    library_page = scenario_page();
    *(uint64_t *)page_va(library_page) = MARK;

    struct region *r = scenario_region(4, REGION_R, &library);
    uint64_t va = r->start + PAGE_SIZE;

    /* An L2 is there, the L1 is not. */
    REQUIRE(pt_tables_ensure(&kernel_aspace, va, 2, NULL) == 0);
    struct walk before = pt_walk(aspace_root(&kernel_aspace), va);
    EXPECT_EQ(before.level, 2);
    EXPECT_EQ(before.entry[2], 0);

    uint64_t log = steps_mark();
    EXPECT_EQ(*(volatile uint64_t *)va, MARK);

    /* In the log: each step after the one before it. */
    struct step_record fault = next_step(&log, STEP_REFLECTED, 0);
    EXPECT_EQ(fault.a, va);
    EXPECT_EQ(fault.b, 0);
    EXPECT_EQ(next_step(&log, STEP_LOOKED_UP, 0).level, 2);
    pfn_t l1 = pfn_of(next_step(&log, STEP_PT_PAGE, 1).a);
    mfn_t l1_mfn = mfn_of(next_step(&log, STEP_PT_MFN, 1).b);
    EXPECT_EQ(l1_mfn.n, p2m(l1).n);
    EXPECT_EQ(next_step(&log, STEP_READONLY, 1).a, l1_mfn.n);
    EXPECT_EQ(next_step(&log, STEP_PINNED, 1).a, l1_mfn.n);
    EXPECT_EQ(next_step(&log, STEP_HOOKED, 2).a, walk_slot_ma(&before, 2));
    EXPECT_EQ(pte_mfn(next_step(&log, STEP_MAPPED, 1).b).n, p2m(library_page).n);

    /* In the tables: hooked, mapped, and the table read-only where the kernel sees it. */
    struct walk after = pt_walk(aspace_root(&kernel_aspace), va);
    EXPECT_EQ(after.level, 1);
    EXPECT_EQ(pte_mfn(after.entry[2]).n, l1_mfn.n);
    EXPECT_EQ(pte_mfn(after.entry[1]).n, p2m(library_page).n);
    EXPECT(!(after.entry[1] & PTE_RW));
    struct walk direct = pt_walk(aspace_root(&kernel_aspace), (uint64_t)page_va(l1));
    EXPECT(walk_mapped(&direct) && !(direct.entry[1] & PTE_RW));
    /* A plain store that would map the table writable; a legal one might be emulated (assist). */
    expect_fault_write((uint64_t)page_va(l1), pte_make(l1_mfn, PTE_P | PTE_RW), PFEC_P | PFEC_W);

    /* Pinned: a second pin is refused, and the order cannot be turned round. */
    EXPECT_EQ(mmuext_one(MMUEXT_PIN_L1_TABLE, l1_mfn), -XEN_EINVAL);
    EXPECT(hypercall_update_va_mapping((uint64_t)page_va(l1),
                                       pte_make(l1_mfn, PTE_P | PTE_RW | PTE_NX), UVMF_INVLPG) < 0);

    /* The way back: unhooked, unpinned, writable, free. */
    log = steps_mark();
    region_discard(r, r->start, r->end);
    pt_trim(&kernel_aspace, r->start, r->end);
    EXPECT_EQ(next_step(&log, STEP_UNHOOKED, 2).b & PTE_ADDR_MASK, mfn_to_ma(l1_mfn));
    EXPECT_EQ(next_step(&log, STEP_UNPINNED, 0).a, l1_mfn.n);
    EXPECT_EQ(next_step(&log, STEP_WRITABLE, 0).a, l1_mfn.n);
    EXPECT_EQ(next_step(&log, STEP_FREED, 0).a, l1.n);
    EXPECT_EQ(page_kind(l1), PAGE_FREE);
    scenario_reason("L1 in MFN %lx: looked up, made, read-only, pinned, hooked, mapped; undone",
                    l1_mfn.n);
}
