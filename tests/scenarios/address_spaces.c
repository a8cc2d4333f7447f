/*
 * SPDX-License-Identifier: MIT
 *
 * address-spaces: thousands made and destroyed; nothing is left behind.
 *
 * Background: each address space is two pinned L4 tables and the tables its pages need.  A reference
 * that is lost or kept by the guest, or by the hypervisor, adds up: frames run out, or a frame that
 * should be ordinary memory again cannot be made writable.
 *
 * Steps: 2000 times: create, map and touch pages that need 1 to 3 levels of tables, duplicate every
 * fourth and write in the copy, destroy; a few are alive at the same time.
 *
 * Expected: no error; free pages, page-table pages and anonymous pages as before; no address space
 * alive; a former page table takes a writable mapping.
 */
#include "scenario.h"

#define ROUNDS 2000U

static struct aspace *make(uint64_t base)
{
    int error;
    struct aspace *as = aspace_create(true, &error);

    if (!as)
        scenario_fail("create: error %d", error);
    REQUIRE(region_add(as, base, base + 8 * PAGE_SIZE, REGION_R | REGION_W | REGION_USER,
                       &region_anon));
    thread_set_aspace(as);
    *(volatile uint64_t *)base = base;
    *(volatile uint64_t *)(base + 7 * PAGE_SIZE) = base + 7;
    return as;
}

static void duplicate_and_destroy(struct aspace *as, uint64_t base)
{
    int error;
    struct aspace *twin = aspace_duplicate(as, &error);

    if (!twin)
        scenario_fail("duplicate: error %d", error);
    thread_set_aspace(twin);
    EXPECT_EQ(*(volatile uint64_t *)base, base);
    *(volatile uint64_t *)base = 1;
    thread_set_aspace(as);
    EXPECT_EQ(*(volatile uint64_t *)base, base);
    aspace_destroy(twin);
}

static void round_of(unsigned int n)
{
    /* The two pages lie in one L1, or in two L1s, or in two L2s, by turns. */
    static const uint64_t bases[] = { 0x10000000, 0x101fc000, 0x7fffc000 };
    uint64_t base = bases[n % 3];
    struct aspace *as = make(base);

    EXPECT_EQ(*(volatile uint64_t *)(base + 7 * PAGE_SIZE), base + 7);
    if (n % 4 == 0)
        duplicate_and_destroy(as, base);
    thread_set_aspace(NULL);
    aspace_destroy(as);
}

SCENARIO(address_spaces, "address-spaces", "2000 made and destroyed; every frame comes back")
{
    uint64_t free_pages, tables, anon, alive = aspace_count;

    round_of(0); /* pools fill */
    free_pages = scenario_free_pages();
    tables = page_count(PAGE_TABLE);
    anon = page_count(PAGE_ANON);
    for (unsigned int n = 0; n < ROUNDS; n++)
        round_of(n);
    EXPECT_EQ(scenario_free_pages(), free_pages);
    EXPECT_EQ(page_count(PAGE_TABLE), tables);
    EXPECT_EQ(page_count(PAGE_ANON), anon);
    EXPECT_EQ(aspace_count, alive);
    scenario_reason("%u address spaces, %lu free pages before and after", ROUNDS, free_pages);
}
