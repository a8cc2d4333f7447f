/*
 * SPDX-License-Identifier: MIT
 *
 * deep-validation: one request that validates a quarter of a million entries, and takes it all back.
 *
 * Background: pinning a table validates what it reaches.  That can take long, so a hypervisor cuts the
 * work into pieces, between which the guest may get an event; and the last entry may be the bad one,
 * when everything before it has been counted already.
 *
 * Steps: an L3 with one L2 with 512 L1s with 512 entries each, none pinned, all read-only; the very
 * last entry would map an L1 writable.  Pinned as L3, while a timer ticks; then the bad entry
 * replaced, pinned, looked at, unpinned.
 *
 * Expected: the bad entry's -EBUSY, and every table is an ordinary page at once; then success, and after the
 * unpin again every table is an ordinary page and the mapped page has lost its uses.
 */
#include "hostile.h"

#include "clock.h"

static pfn_t l3, l2, l1[PT_ENTRIES], target;

static pfn_t take(void)
{
    pfn_t pfn = page_alloc_zero(PAGE_KERNEL);

    REQUIRE(!page_none(pfn));
    return pfn;
}

static void build(void)
{
    l3 = take();
    l2 = take();
    target = take();
    for (unsigned int i = 0; i < PT_ENTRIES; i++) {
        l1[i] = take();
        for (unsigned int j = 0; j < PT_ENTRIES; j++)
            ((pte_t *)page_va(l1[i]))[j] = pte_make(p2m(target), PTE_P | PTE_RW | PTE_NX);
        ((pte_t *)page_va(l2))[i] = pte_make(p2m(l1[i]), PT_TABLE_FLAGS);
    }
    ((pte_t *)page_va(l3))[7] = pte_make(p2m(l2), PT_TABLE_FLAGS);
}

/* All tables' mappings in the direct map; each request must succeed. */
static void rights(uint64_t rw)
{
    EXPECT_EQ(direct_rights(l3, rw), 0);
    EXPECT_EQ(direct_rights(l2, rw), 0);
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        EXPECT_EQ(direct_rights(l1[i], rw), 0);
}

static pte_t *last_entry(void)
{
    return (pte_t *)page_va(l1[PT_ENTRIES - 1]) + PT_ENTRIES - 1;
}

SCENARIO(deep_validation, "deep-validation", "262144 entries validated in one request, and undone")
{
    uint64_t before = scenario_free_pages(), ticks = clock_ticks(), start;
    vcpu_set_periodic_timer_t timer = { .period_ns = 1000000 };

    REQUIRE(before > 2 * PT_ENTRIES);
    build();
    *last_entry() = pte_make(p2m(l1[0]), PTE_P | PTE_RW);
    rights(0);
    REQUIRE(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer) == 0);
    long rc = mmuext_one(MMUEXT_PIN_L3_TABLE, p2m(l3));

    EXPECT_EQ(rc, -XEN_EBUSY);
    EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, p2m(l3)), -XEN_EINVAL);
    rights(PTE_RW); /* refused for whatever is still a table */

    *last_entry() = pte_make(p2m(target), PTE_P);
    rights(0);
    start = clock_ns();
    EXPECT_EQ(mmuext_one(MMUEXT_PIN_L3_TABLE, p2m(l3)), 0);
    start = clock_ns() - start;
    EXPECT_EQ(*(volatile pte_t *)last_entry(),
              pte_make(p2m(target), PTE_P | PTE_U | PTE_GUEST_KERNEL));
    EXPECT_EQ(direct_rights(l1[PT_ENTRIES - 1], PTE_RW), -XEN_EBUSY);
    EXPECT_EQ(direct_rights(l2, PTE_RW), -XEN_EBUSY);
    EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, p2m(l3)), 0);
    rights(PTE_RW);
    REQUIRE(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL) == 0);
    EXPECT(clock_ticks() > ticks);
    /* A frame with one use left as writable page, the direct map's, can become a table. */
    EXPECT_EQ(direct_rights(target, 0), 0);
    EXPECT_EQ(mmuext_one(MMUEXT_PIN_L1_TABLE, p2m(target)), 0);
    EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, p2m(target)), 0);
    EXPECT_EQ(direct_rights(target, PTE_RW), 0);

    page_put(l3);
    page_put(l2);
    page_put(target);
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        page_put(l1[i]);
    EXPECT_EQ(scenario_free_pages(), before);
    scenario_reason("in %lu us; %lu timer events meanwhile", start / 1000, clock_ticks() - ticks);
}
