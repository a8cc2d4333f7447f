/*
 * SPDX-License-Identifier: MIT
 *
 * zero-fill-*: holes of anonymous memory read as zeros, whatever tables are missing.
 *
 * Background: a demand fault makes just the tables that are missing on the way to its page; each is
 * a page-table page with the full life of pt_page.h.
 *
 * Steps: touch a page (a) with its L1 there; (b) with L1, L2 and L3 missing, in a new address
 * space; (c) at the first and at the last entry of a table; (d) with one access over the boundary
 * of two L1 tables, so that one instruction takes two faults.
 *
 * Expected: one fault for each page; as many new tables as were missing; zeros; the contents keep.
 */
#include "scenario.h"

#define L1_REACH (PT_ENTRIES * PAGE_SIZE)

/* Reads a word that must be zero, writes it, reads it back.  Result: new table pages. */
static uint64_t touch(uint64_t va)
{
    uint64_t tables = page_count(PAGE_TABLE), faults = fault_stats.resolved;
    volatile uint64_t *word = (volatile uint64_t *)va;

    EXPECT_EQ(*word, 0);
    *word = va;
    EXPECT_EQ(*word, va);
    EXPECT_EQ(fault_stats.resolved, faults + 1);
    return page_count(PAGE_TABLE) - tables;
}

SCENARIO(zero_fill_l1, "zero-fill-l1-present", "a hole with its L1 there: one fault, no table")
{
    struct region *r = scenario_region(3, REGION_R | REGION_W, &region_anon);

    EXPECT_EQ(touch(r->start), 2); /* the arena slot's L3 is there: L2 and L1 are new */
    EXPECT_EQ(touch(r->start + PAGE_SIZE), 0);
    EXPECT_EQ(touch(r->start + 2 * PAGE_SIZE + 8), 0);
    EXPECT_EQ(r->resident, 3);
    EXPECT_EQ(*(volatile uint64_t *)r->start, r->start);
}

SCENARIO(zero_fill_deep, "zero-fill-no-l3",
         "a hole with L1, L2 and L3 missing, in a new address space")
{
    uint64_t va = 0x0000123456789000UL;
    int error;
    struct aspace *as = aspace_create(true, &error);

    REQUIRE(as);
    REQUIRE(region_add(as, va, va + PAGE_SIZE, REGION_R | REGION_W | REGION_USER, &region_anon));
    thread_set_aspace(as);
    EXPECT_EQ(pt_walk(aspace_root(as), va).level, 4);
    EXPECT_EQ(touch(va), 3);
    struct walk w = pt_walk(aspace_root(as), va);
    /* The user L4 names the same L3. */
    struct walk user = pt_walk(p2m(as->l4_user), va);

    EXPECT(walk_mapped(&w));
    EXPECT_EQ(user.table[3].n, w.table[3].n);
    EXPECT_EQ(user.entry[1], w.entry[1]);
    thread_set_aspace(NULL);
    aspace_destroy(as);
}

SCENARIO(zero_fill_edges, "zero-fill-edges", "first and last entry of an L1, neighbours untouched")
{
    struct region *r = scenario_region(3 * PT_ENTRIES, REGION_R | REGION_W, &region_anon);
    uint64_t second = r->start + L1_REACH;

    EXPECT_EQ(l1_index(second), 0);
    EXPECT_EQ(touch(second), 2);
    EXPECT_EQ(touch(second + L1_REACH - PAGE_SIZE), 0);
    EXPECT_EQ(touch(second - PAGE_SIZE), 1);
    EXPECT_EQ(touch(second + L1_REACH), 1);
    EXPECT_EQ(pt_walk(aspace_root(&kernel_aspace), second + PAGE_SIZE).entry[1], 0);
    EXPECT_EQ(r->resident, 4);
}

SCENARIO(zero_fill_boundary, "zero-fill-boundary", "one write over two L1 tables: two faults")
{
    struct region *r = scenario_region(2 * PT_ENTRIES, REGION_R | REGION_W, &region_anon);
    uint64_t boundary = r->start + L1_REACH, faults = fault_stats.resolved;
    volatile uint64_t *word = (volatile uint64_t *)(boundary - 4);

    *word = 0x1122334455667788UL;
    EXPECT_EQ(fault_stats.resolved, faults + 2);
    EXPECT_EQ(*word, 0x1122334455667788UL);
    EXPECT_EQ(*(volatile uint32_t *)boundary, 0x11223344);
    EXPECT_EQ(*(volatile uint32_t *)(boundary - 8), 0);
    EXPECT_EQ(r->resident, 2);
}
