/*
 * SPDX-License-Identifier: MIT
 *
 * many-spaces: after thousands of address spaces every frame is as free as before.
 *
 * Background: the hypervisor counts each use of a frame and each use as its type.  A count that was
 * not dropped shows when the frame is to become something else: the request is refused.
 *
 * Steps: 30 times 100 address spaces alive at once, each with a page that needs three tables; then
 * every free frame of the domain, one after the other, is made a page table of another level than
 * before, and a writable page again.
 *
 * Expected: free pages as before; no frame is refused as anything.
 */
#include "hostile.h"

#define ROUNDS 30U
#define ALIVE  100U

static struct aspace *spaces[ALIVE];

static void round_of(unsigned int round)
{
    for (unsigned int i = 0; i < ALIVE; i++) {
        uint64_t va = 0x10000000UL + ((uint64_t)i << 32) + (uint64_t)round * PAGE_SIZE;
        int error;

        spaces[i] = aspace_create(i % 2, &error);
        if (!spaces[i])
            scenario_fail("round %u, address space %u: error %d", round, i, error);
        REQUIRE(region_add(spaces[i], va, va + PAGE_SIZE, REGION_R | REGION_W, &region_anon));
        thread_set_aspace(spaces[i]);
        *(volatile uint64_t *)va = i;
    }
    thread_set_aspace(NULL);
    /* In another order than they were made. */
    for (unsigned int i = 0; i < ALIVE; i++)
        aspace_destroy(spaces[i * 37 % ALIVE]);
}

static void every_type(pfn_t pfn, unsigned int level)
{
    mfn_t mfn = p2m(pfn);

    page_clear(pfn);
    EXPECT_EQ(direct_rights(pfn, 0), 0);
    EXPECT_EQ(mmuext_one(MMUEXT_PIN_L1_TABLE + level - 1, mfn), 0);
    EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, mfn), 0);
    EXPECT_EQ(direct_rights(pfn, PTE_RW), 0);
}

SCENARIO(many_spaces, "many-spaces",
         "3000 address spaces; then every free frame takes another type")
{
    uint64_t count = 0;
    pfn_t list = PFN_NONE, pfn;

    round_of(0); /* pools fill */
    uint64_t before = scenario_free_pages();
    for (unsigned int round = 0; round < ROUNDS; round++)
        round_of(round);
    EXPECT_EQ(scenario_free_pages(), before);

    while (pfn = page_alloc(PAGE_KERNEL), !page_none(pfn)) {
        *(pfn_t *)page_va(pfn) = list;
        list = pfn;
    }
    while (!page_none(list)) {
        pfn = list;
        list = *(pfn_t *)page_va(pfn);
        every_type(pfn, count++ % 4 + 1);
        page_put(pfn);
    }
    EXPECT_EQ(count, before);
    EXPECT_EQ(scenario_free_pages(), before);
    scenario_reason("%u address spaces, then %lu frames as L1 to L4 and writable again",
                    ROUNDS * ALIVE, count);
}
