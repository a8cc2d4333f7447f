/*
 * SPDX-License-Identifier: MIT
 *
 * eviction: a working set of three times the memory it is given.
 *
 * Background: the processor sets the accessed bit in an L1 entry; the reclaimer's clock takes the bit
 * away (with the TLB entry) and evicts what has not been accessed since: contents to the store, the
 * slot's number into the entry, which is not present.  The next access faults it back in.
 *
 * Steps: a region of 96 pages with a resident limit of 32; every page gets its own pattern; three
 * more passes, forward, backward and in a stride, check and change it; a hot page is touched between.
 *
 * Expected: contents intact; never more than 32 pages resident; evictions and second chances counted;
 * afterwards no slot in use and every page back.
 */
#include "scenario.h"

#include "mm/reclaim.h"
#include "mm/swap.h"

#define PAGES 96UL
#define LIMIT 32UL

static struct region *area;

static volatile uint64_t *word(uint64_t page, uint64_t at)
{
    return (volatile uint64_t *)(area->start + page * PAGE_SIZE) + at;
}

static void check_and_change(uint64_t page, uint64_t pass)
{
    for (uint64_t at = 0; at < 512; at += 73) {
        EXPECT_EQ(*word(page, at), (page << 16 | at) + pass - 1);
        *word(page, at) = (page << 16 | at) + pass;
    }
    EXPECT(area->resident <= LIMIT);
}

SCENARIO(eviction, "eviction", "96 pages in 32: evicted by accessed bits, faulted back in, intact")
{
    uint64_t before, evicted, spared;

    REQUIRE(swap_add(PAGES) == 0);
    swap_release();
    scenario_region(PAGES, REGION_R | REGION_W,
                    &region_anon); /* the heap has grown for it, for good */
    scenario_clean_up();
    before = scenario_free_pages();
    evicted = reclaim_stats.evicted;
    spared = reclaim_stats.spared;
    area = scenario_region(PAGES, REGION_R | REGION_W, &region_anon);
    REQUIRE(swap_add(PAGES) == 0);
    reclaim_limit(area, LIMIT);

    for (uint64_t page = 0; page < PAGES; page++)
        for (uint64_t at = 0; at < 512; at += 73)
            *word(page, at) = page << 16 | at;
    EXPECT_EQ(area->resident, LIMIT);
    for (uint64_t page = 0; page < PAGES; page++)
        check_and_change(page, 1);
    for (uint64_t page = PAGES; page-- > 0;)
        check_and_change(page, 2);
    for (uint64_t i = 0; i < PAGES; i++)
        check_and_change(i * 29 % PAGES, 3);
    evicted = reclaim_stats.evicted - evicted;
    spared = reclaim_stats.spared - spared;
    EXPECT(evicted >= 2 * PAGES);
    EXPECT(spared > 0);
    EXPECT_EQ(swap_used(), PAGES - LIMIT);

    scenario_clean_up();
    EXPECT_EQ(swap_used(), 0);
    EXPECT_EQ(scenario_free_pages(), before);
    scenario_reason("%lu evictions, %lu second chances, contents intact", evicted, spared);
}
