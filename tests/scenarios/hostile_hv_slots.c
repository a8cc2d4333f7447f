/*
 * SPDX-License-Identifier: MIT
 *
 * hostile-hv-slots: L4 slots 256 to 271 are the hypervisor's, in every L4.
 *
 * Background: the hypervisor runs on the guest's L4, in sixteen slots of it.  A guest entry there
 * would give the guest its memory, or take it away from under it.
 *
 * Steps: updates of each slot, by table and by address, to nothing, to an L3 of the guest's, to the
 * present value; a fresh L4 with entries in all sixteen before it is pinned.
 *
 * Expected: -EINVAL, slot unchanged; the pin succeeds and nothing of the guest's is left there.
 */
#include "hostile.h"

static pfn_t l3;

static void fill_hv_slots(pte_t *table)
{
    for (unsigned int i = HV_L4_SLOT_FIRST; i <= HV_L4_SLOT_LAST; i++)
        table[i] = pte_make(p2m(l3), PT_TABLE_FLAGS);
}

static void slots_refuse(pfn_t l4)
{
    for (unsigned int i = HV_L4_SLOT_FIRST; i <= HV_L4_SLOT_LAST; i++) {
        const volatile pte_t *slot = (const volatile pte_t *)page_va(l4) + i;
        uint64_t ma = mfn_to_ma(p2m(l4)) + i * sizeof(pte_t);
        pte_t before = *slot;

        EXPECT_EQ(mmu_update_one(ma, 0), -XEN_EINVAL);
        EXPECT_EQ(mmu_update_one(ma, pte_make(p2m(l3), PT_TABLE_FLAGS)), -XEN_EINVAL);
        EXPECT_EQ(mmu_update_one(ma | MMU_PT_UPDATE_PRESERVE_AD, before | PTE_U), -XEN_EINVAL);
        EXPECT_EQ(mmu_update_one(ma, before), -XEN_EINVAL);
        EXPECT_EQ(*slot, before);
    }
}

SCENARIO(hostile_hv_slots, "hostile-hv-slots",
         "slots 256 to 271: updates refused, a guest's entries overwritten")
{
    uint64_t free_pages = scenario_free_pages();
    pfn_t l4;

    REQUIRE(pt_page_make(3, NULL, &l3) == 0);
    slots_refuse(kernel_aspace.l4);

    EXPECT_EQ(pt_page_make(4, fill_hv_slots, &l4), 0);
    for (unsigned int i = HV_L4_SLOT_FIRST; i <= HV_L4_SLOT_LAST; i++) {
        mfn_t mfn = pte_mfn(((const volatile pte_t *)page_va(l4))[i]);

        EXPECT(!mfn_eq(mfn, p2m(l3)));
        /* The hypervisor may map the L4 into itself; no other frame of ours is there. */
        EXPECT(mfn.n == 0 || mfn_eq(mfn, p2m(l4)) || !mfn_is_own(mfn));
    }
    slots_refuse(l4);
    pt_page_release(l4);
    pt_page_release(l3); /* no use of it has been left behind */
    EXPECT_EQ(scenario_free_pages(), free_pages);
}

SCENARIO(hostile_hv_range, "hostile-hv-range",
         "addresses of the hypervisor's have no entry to update")
{
    static const uint64_t va[] = { HV_VA_START, M2P_VA_END, 0xffff82d080200000, 0xffff830000000000,
                                   HV_VA_END - PAGE_SIZE };
    pfn_t page = scenario_page();

    for (unsigned int i = 0; i < sizeof(va) / sizeof(va[0]); i++) {
        EXPECT_EQ(hypercall_update_va_mapping(va[i], 0, UVMF_INVLPG), -XEN_EINVAL);
        EXPECT_EQ(
            hypercall_update_va_mapping(va[i], pte_make(p2m(page), PTE_P | PTE_RW), UVMF_INVLPG),
            -XEN_EINVAL);
    }
}
