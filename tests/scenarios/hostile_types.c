/*
 * SPDX-License-Identifier: MIT
 *
 * hostile-types: a frame has one type at a time, and no request gets round it.
 *
 * Background: direct paging is safe because a frame that is a page table has no writable mapping.
 * The hypervisor counts, for each frame, its uses as its present type; the type can only change
 * while that count is zero.
 *
 * Steps: for tables of each level: writable mappings; pins at a wrong level, of writable pages, twice;
 * unpins twice; tables hooked one level too high, too low, or at their own level; base pointers to
 * what is no L4; the hypervisor's own stores (CLEAR_PAGE, COPY_PAGE) to page tables.
 *
 * Expected: the ABI's error, the entry or table unchanged; afterwards every page takes a writable
 * mapping and every other type again.
 */
#include "hostile.h"

static pfn_t table_of(unsigned int level)
{
    pfn_t pfn;

    REQUIRE(pt_page_make(level, NULL, &pfn) == 0);
    return pfn;
}

SCENARIO(hostile_types_map, "hostile-types-map", "no page table is mapped writable, by any request")
{
    struct ground g = ground_make();

    for (unsigned int level = 1; level <= 4; level++) {
        pfn_t table = table_of(level);
        pte_t ro = pte_make(p2m(table), PTE_P | PTE_NX), rw = ro | PTE_RW;

        entry_refused(&g.w, 1, rw, XEN_EBUSY);
        EXPECT_EQ(hypercall_update_va_mapping(g.va, rw, UVMF_INVLPG), -XEN_EBUSY);
        EXPECT_EQ(slot_now(&g.w, 1), 0);
        /* Read-only is fine; its rights cannot be raised afterwards, not even user's. */
        EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), ro), 0);
        entry_refused(&g.w, 1, rw, XEN_EBUSY);
        entry_refused(&g.w, 1, rw | PTE_U, XEN_EBUSY);
        entry_refused(&g.w, 1, slot_now(&g.w, 1) | PTE_RW, XEN_EBUSY);
        EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), 0), 0);
        EXPECT_EQ(direct_rights(table, PTE_RW), -XEN_EBUSY);
        pt_page_release(table);
    }
    /* The L1 that holds the slot, in that slot. */
    entry_refused(&g.w, 1, pte_make(g.w.table[1], PTE_P | PTE_RW), XEN_EBUSY);
    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), g.entry), 0);
    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), 0), 0);
}

SCENARIO(hostile_types_pin, "hostile-types-pin",
         "pins: writable page, wrong level, twice; unpin twice")
{
    pfn_t page = scenario_page();
    mfn_t mfn = p2m(page);

    for (unsigned int level = 1; level <= 4; level++)
        EXPECT_EQ(mmuext_one(MMUEXT_PIN_L1_TABLE + level - 1, mfn), -XEN_EINVAL);
    EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, mfn), -XEN_EINVAL);
    *(volatile uint64_t *)page_va(page) = 0; /* still writable */

    EXPECT_EQ(direct_rights(page, 0), 0);
    EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, mfn), -XEN_EINVAL);
    for (unsigned int level = 1; level <= 4; level++) {
        EXPECT_EQ(mmuext_one(MMUEXT_PIN_L1_TABLE + level - 1, mfn), 0);
        for (unsigned int other = 1; other <= 4; other++)
            EXPECT_EQ(mmuext_one(MMUEXT_PIN_L1_TABLE + other - 1, mfn), -XEN_EINVAL);
        EXPECT_EQ(direct_rights(page, PTE_RW), -XEN_EBUSY);
        EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, mfn), 0);
        EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, mfn), -XEN_EINVAL);
        /* No trace: writable for a moment, then the next type. */
        EXPECT_EQ(direct_rights(page, PTE_RW), 0);
        page_clear(page); /* as an L4 it has got the hypervisor's slots */
        EXPECT_EQ(direct_rights(page, 0), 0);
    }
    EXPECT_EQ(direct_rights(page, PTE_RW), 0);
    scenario_reason("MFN %lx: L1, L2, L3, L4 in turn, one at a time", mfn.n);
}

SCENARIO(hostile_types_unpin, "hostile-types-unpin", "an unpinned table in use is a table still")
{
    struct ground g = ground_make();
    mfn_t l1 = g.w.table[1];
    pfn_t l1_page = m2p(l1);

    EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, l1), 0);
    EXPECT_EQ(direct_rights(l1_page, PTE_RW), -XEN_EBUSY);
    EXPECT_EQ(mmuext_one(MMUEXT_PIN_L2_TABLE, l1), -XEN_EINVAL);
    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), g.entry), 0); /* it works on */
    *(volatile uint64_t *)g.va = 1;
    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 2), 0), 0); /* the last use goes */
    EXPECT_EQ(mmuext_one(MMUEXT_TLB_FLUSH_LOCAL, mfn_of(0)), 0);
    EXPECT_EQ(direct_rights(l1_page, PTE_RW), 0);
    *(pte_t *)page_va(l1_page) = 0;
    /* Put back as it was. */
    EXPECT_EQ(direct_rights(l1_page, 0), 0);
    EXPECT_EQ(mmuext_one(MMUEXT_PIN_L1_TABLE, l1), 0);
    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 2), g.w.entry[2]), 0);
}

/* A slot of `level` must refuse this table, in the live table and in one that is not yet pinned. */
static void child_refused(const struct walk *w, unsigned int level, pfn_t child)
{
    pte_t entry = pte_make(p2m(child), PT_TABLE_FLAGS);
    pfn_t fresh = scenario_page();

    entry_refused(w, level, entry, XEN_EINVAL);
    *(pte_t *)page_va(fresh) = entry;
    EXPECT_EQ(direct_rights(fresh, 0), 0);
    EXPECT_EQ(mmuext_one(MMUEXT_PIN_L1_TABLE + level - 1, p2m(fresh)), -XEN_EINVAL);
    EXPECT_EQ(direct_rights(fresh, PTE_RW), 0);
    EXPECT_EQ(*(pte_t *)page_va(fresh), entry);
}

SCENARIO(hostile_types_level, "hostile-types-level",
         "only a table of the level below can be hooked")
{
    uint64_t before = 0;

    for (int round = 0; round < 2; round++) {
        int error;
        struct aspace *as = aspace_create(false, &error);
        struct walk w;

        REQUIRE(as && pt_tables_ensure(as, 0x40000000, 2, &w) == 0);
        for (unsigned int level = 2; level <= 4; level++) {
            struct walk empty = pt_walk(aspace_root(as), 0x40000000 + (1UL << level_shift(level)));

            for (unsigned int child = 1; child <= 4; child++) {
                pfn_t table = table_of(child);

                if (child != level - 1)
                    child_refused(&empty, level, table);
                pt_page_release(table);
            }
            child_refused(&empty, level, m2p(empty.table[level])); /* itself */
            child_refused(&empty, level, scenario_page());         /* an ordinary, writable page */
        }
        aspace_destroy(as);
        scenario_clean_up();
        if (round)
            EXPECT_EQ(scenario_free_pages(), before);
        before = scenario_free_pages();
    }
}

SCENARIO(hostile_types_base, "hostile-types-base", "a base pointer names an L4 and nothing else")
{
    mfn_t root = aspace_root(aspace_active);

    for (unsigned int level = 1; level <= 3; level++) {
        pfn_t table = table_of(level);

        EXPECT_EQ(mmuext_one(MMUEXT_NEW_BASEPTR, p2m(table)), -XEN_EINVAL);
        EXPECT_EQ(mmuext_one(MMUEXT_NEW_USER_BASEPTR, p2m(table)), -XEN_EINVAL);
        pt_page_release(table);
    }
    pfn_t page = scenario_page();
    EXPECT_EQ(mmuext_one(MMUEXT_NEW_BASEPTR, p2m(page)), -XEN_EINVAL);
    EXPECT_EQ(mmuext_one(MMUEXT_NEW_USER_BASEPTR, p2m(page)), -XEN_EINVAL);
    EXPECT_EQ(mmuext_one(MMUEXT_NEW_BASEPTR, root), 0); /* the present one: as often as one likes */
    *(volatile uint64_t *)page_va(page) = 1;
}

SCENARIO(hostile_types_stores, "hostile-types-stores",
         "the hypervisor does not store to page tables for us")
{
    struct ground g = ground_make();
    mfn_t l1 = g.w.table[1];
    mmuext_op_t copy = { .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = l1.n, .arg2.src_mfn = p2m(g.page).n };

    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), g.entry), 0);
    EXPECT_EQ(mmuext_one(MMUEXT_CLEAR_PAGE, l1), -XEN_EINVAL);
    EXPECT_EQ(hypercall_mmuext_op(&copy, 1, NULL, DOMID_SELF), -XEN_EINVAL);
    EXPECT_EQ(pte_mfn(slot_now(&g.w, 1)).n, p2m(g.page).n);
    /* From a page table to an ordinary page it is a read. */
    *(uint64_t *)page_va(g.page) = 77;
    copy =
        (mmuext_op_t){ .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = p2m(g.page).n, .arg2.src_mfn = l1.n };
    EXPECT_EQ(hypercall_mmuext_op(&copy, 1, NULL, DOMID_SELF), 0);
    EXPECT_EQ(*(volatile uint64_t *)page_va(g.page), slot_now(&g.w, 1));
    EXPECT_EQ(mmuext_one(MMUEXT_CLEAR_PAGE, p2m(g.page)), 0);
    EXPECT_EQ(*(volatile uint64_t *)page_va(g.page), 0);
    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), 0), 0);
}
