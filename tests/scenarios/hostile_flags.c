/*
 * SPDX-License-Identifier: MIT
 *
 * hostile-flags: the bits a present entry may have, one by one, at every level.
 *
 * Background: the processor walks the guest's entries themselves, so a bit that would make a
 * superpage, a global or an uncached upper entry, or trip over a reserved bit, must not get in; not
 * in a live table and not in one that is yet to be pinned.  Entries that are not present may hold
 * anything: guests keep swap slots there.
 *
 * Steps: bits 0 to 11 and 52 to 63, alone, on top of a legal entry, for L1 to L4, by update and in a
 * fresh table before its pin.
 *
 * Expected: -EINVAL, or accepted and read back with the hypervisor's additions.  Caching bits of an
 * L1 entry are a matter of the domain's privileges: accepted or -EINVAL.
 */
#include "hostile.h"

#define CACHING (PTE_PWT | PTE_PCD | PTE_PAT)

static const uint64_t never_above_l1 = PTE_PWT | PTE_PCD | PTE_PS | PTE_G;

/* What the hypervisor adds to an accepted entry. */
static pte_t as_read_back(pte_t entry, unsigned int level)
{
    if (level > 1)
        return entry | PTE_U | (level == 4 ? PTE_A : 0);
    if (!(entry & PTE_U))
        return entry | PTE_U | PTE_GUEST_KERNEL;
    return entry & PTE_GUEST_KERNEL ? entry : entry | PTE_G;
}

static void bit_in_live_table(const struct walk *w, unsigned int level, pte_t legal, uint64_t bit)
{
    long rc = mmu_update_one(walk_slot_ma(w, level), legal | bit);

    if (level > 1 && bit & never_above_l1)
        EXPECT_EQ(rc, -XEN_EINVAL);
    else if (level > 1 || !(bit & CACHING))
        EXPECT_EQ(rc, 0);
    else
        EXPECT(rc == 0 || rc == -XEN_EINVAL);
    EXPECT_EQ(slot_now(w, level), rc ? 0 : as_read_back(legal | bit, level));
    EXPECT_EQ(mmu_update_one(walk_slot_ma(w, level), 0), 0);
    /* Not present: verbatim. */
    EXPECT_EQ(mmu_update_one(walk_slot_ma(w, level), (legal | bit) & ~PTE_P), 0);
    EXPECT_EQ(slot_now(w, level), (legal | bit) & ~PTE_P);
    EXPECT_EQ(mmu_update_one(walk_slot_ma(w, level), 0), 0);
}

static void bit_in_fresh_table(unsigned int level, pte_t legal, uint64_t bit)
{
    pfn_t fresh = scenario_page();
    volatile pte_t *slot = (volatile pte_t *)page_va(fresh) + 7;
    bool bad = level > 1 && bit & never_above_l1;

    *slot = legal | bit;
    REQUIRE(direct_rights(fresh, 0) == 0);
    long rc = mmuext_one(MMUEXT_PIN_L1_TABLE + level - 1, p2m(fresh));

    if (level == 1 && bit & CACHING)
        EXPECT(rc == 0 || rc == -XEN_EINVAL);
    else
        EXPECT_EQ(rc, bad ? -XEN_EINVAL : 0);
    EXPECT_EQ(*slot, rc ? (legal | bit) : as_read_back(legal | bit, level));
    if (!rc)
        EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, p2m(fresh)), 0);
    EXPECT_EQ(direct_rights(fresh, PTE_RW), 0);
    scenario_clean_up(); /* this page; what else there is belongs to the caller's address space */
}

SCENARIO(hostile_flags_bits, "hostile-flags-bits",
         "every bit, at every level, by update and by pin")
{
    uint64_t va = 0x40000000;
    int error;
    struct aspace *as = aspace_create(false, &error); /* the first takes a page that stays */
    struct walk w[5];
    pfn_t child[4];

    REQUIRE(as);
    aspace_destroy(as);
    uint64_t free_pages = scenario_free_pages();
    as = aspace_create(false, &error);
    REQUIRE(as && pt_tables_ensure(as, va, 1, NULL) == 0);
    for (unsigned int level = 1; level <= 4; level++)
        w[level] = pt_walk(aspace_root(as), level == 1 ? va : va + (1UL << level_shift(level)));
    child[0] = page_alloc_zero(PAGE_KERNEL);
    for (unsigned int level = 1; level <= 3; level++)
        REQUIRE(pt_page_make(level, NULL, &child[level]) == 0);

    for (unsigned int level = 1; level <= 4; level++) {
        pte_t legal = pte_make(p2m(child[level - 1]), PTE_P);

        for (unsigned int bit = 1; bit < 64; bit = bit == 11 ? 52 : bit + 1) {
            bit_in_live_table(&w[level], level, legal, 1UL << bit);
            bit_in_fresh_table(level, legal, 1UL << bit);
        }
    }
    for (unsigned int level = 1; level <= 3; level++)
        pt_page_release(child[level]);
    page_put(child[0]);
    aspace_destroy(as);
    EXPECT_EQ(scenario_free_pages(), free_pages);
}

SCENARIO(hostile_flags_change, "hostile-flags-change",
         "a live entry keeps what it was when new flags are refused")
{
    int error;
    struct aspace *as = aspace_create(false, &error);
    struct walk w;

    REQUIRE(as && pt_tables_ensure(as, 0x40000000, 1, NULL) == 0);
    w = pt_walk(aspace_root(as), 0x40000000);
    for (unsigned int level = 2; level <= 4; level++)
        for (unsigned int bit = 3; bit <= 8; bit++)
            if (1UL << bit & never_above_l1)
                entry_refused(&w, level, w.entry[level] | 1UL << bit, XEN_EINVAL);
    for (unsigned int level = 2; level <= 4; level++) {
        /* Flags alone, same table: no new use of it, so the old one can still be unhooked. */
        EXPECT_EQ(mmu_update_one(walk_slot_ma(&w, level), w.entry[level] ^ (PTE_NX | PTE_AVAIL0)),
                  0);
        EXPECT_EQ(slot_now(&w, level), w.entry[level] ^ (PTE_NX | PTE_AVAIL0));
        EXPECT_EQ(mmu_update_one(walk_slot_ma(&w, level), w.entry[level]), 0);
    }
    aspace_destroy(as);
}
