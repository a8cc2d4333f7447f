/*
 * SPDX-License-Identifier: MIT
 *
 * hostile.h - the ground that scenarios about refusals stand on.
 *
 * Invariant of all of them: after every refusal the entry is what it was, and no frame is held: so
 * the slot is read back each time, and every page goes back to the allocator through its ordinary
 * writable mapping, which the hypervisor would refuse for a frame that is still a page table.
 */
#ifndef TESTS_SCENARIOS_HOSTILE_H
#define TESTS_SCENARIOS_HOSTILE_H

#include "scenario.h"

#include "mm/p2m.h"

/* An address range of its own with L2 and L1, and a page that is not mapped there. */
struct ground {
    uint64_t va;   /* 1 GiB aligned; the L1's first address */
    struct walk w; /* of `va`: slots of all levels */
    pfn_t page;
    pte_t entry; /* a legal L1 entry for `page` */
};

static inline struct ground ground_make(void)
{
    struct ground g;
    /* The region only makes its tables go at the end; its whole L1 is the scenario's. */
    struct region *r = scenario_region(PT_ENTRIES, REGION_R | REGION_W, &region_guard);

    g.va = r->start;
    REQUIRE(pt_tables_ensure(&kernel_aspace, g.va, 1, &g.w) == 0);
    g.page = scenario_page();
    g.entry = pte_make(p2m(g.page), PTE_P | PTE_RW | PTE_NX);
    return g;
}

/* The slot of `level` as it is in memory now. */
static inline pte_t slot_now(const struct walk *w, unsigned int level)
{
    return *(const volatile pte_t *)w->slot[level];
}

/* mmu_update of the slot must answer `error` and leave it alone. */
static inline void refused_at(int line, const struct walk *w, unsigned int level, pte_t value,
                              long error)
{
    pte_t before = slot_now(w, level);
    long rc = mmu_update_one(walk_slot_ma(w, level), value);

    if (rc != error)
        scenario_fail("line %d: L%u entry %lx: answer %ld, not %ld", line, level, value, rc, error);
    if (slot_now(w, level) != before)
        scenario_fail("line %d: refused, yet L%u entry %lx became %lx", line, level, before,
                      slot_now(w, level));
}
#define entry_refused(w, level, value, error) refused_at(__LINE__, w, level, value, -(error))

/* New rights for the page's mapping in the direct map: PTE_RW, or 0 for read-only. */
static inline long direct_rights(pfn_t pfn, uint64_t rw)
{
    return hypercall_update_va_mapping((uint64_t)page_va(pfn),
                                       pte_make(p2m(pfn), PTE_P | PTE_NX | rw), UVMF_INVLPG);
}

/* A frame of the hypervisor's own: what an L4 entry of its slots names. */
static inline mfn_t hypervisor_frame(void)
{
    const pte_t *l4 = page_va(kernel_aspace.l4);

    for (unsigned int i = HV_L4_SLOT_LAST; i > HV_L4_SLOT_FIRST; i--)
        if (l4[i] & PTE_P && !mfn_eq(pte_mfn(l4[i]), aspace_root(&kernel_aspace)))
            return pte_mfn(l4[i]);
    scenario_skip("no frame of the hypervisor is visible");
}

#endif
