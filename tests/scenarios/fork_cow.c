/*
 * SPDX-License-Identifier: MIT
 *
 * fork-cow: copy on write, as the tables see it.
 *
 * Background: duplicating an address space copies entries, not pages: both sides map the same frames
 * read-only, and the first write to one is a fault on a page that is present.
 *
 * Steps: three pages written, the space duplicated; the twin writes the first, the original the first
 * and then the second; the twin goes.
 *
 * Expected: before a write, one frame, two references, no RW; the write's fault has error code P|W;
 * after it the writer has a frame of its own with RW, and whoever is left alone with a frame keeps it,
 * without a copy.
 */
#include "scenario.h"

#define BASE  0x60000000UL
#define PAGES 3UL

static pte_t entry_of(const struct aspace *as, uint64_t page)
{
    struct walk w = pt_walk(aspace_root(as), BASE + page * PAGE_SIZE);

    return w.level == 1 ? w.entry[1] : 0;
}

/* A write in the space that must fault once, with this code. */
static void write_in(struct aspace *as, uint64_t page, uint64_t value, uint32_t error)
{
    uint64_t resolved = fault_stats.resolved, va = BASE + page * PAGE_SIZE;

    thread_set_aspace(as);
    *(volatile uint64_t *)va = value;
    EXPECT_EQ(fault_stats.resolved, resolved + 1);
    EXPECT_EQ(fault_stats.last_cr2, va);
    EXPECT_EQ(fault_stats.last_error, error);
    EXPECT_EQ(*(volatile uint64_t *)va, value);
}

static bool shared(const struct aspace *a, const struct aspace *b, uint64_t page)
{
    pte_t x = entry_of(a, page), y = entry_of(b, page);

    return (x & PTE_P) && (y & PTE_P) && mfn_eq(pte_mfn(x), pte_mfn(y)) && !((x | y) & PTE_RW) &&
           page_refs(m2p(pte_mfn(x))) == 2;
}

SCENARIO(fork_cow, "fork-cow", "duplicated: one frame read-only in both, copied by the first write")
{
    int error;
    struct aspace *as = aspace_create(true, &error);
    mfn_t mfn[PAGES];

    REQUIRE(as && region_add(as, BASE, BASE + PAGES * PAGE_SIZE, REGION_R | REGION_W | REGION_USER,
                             &region_anon));
    for (uint64_t i = 0; i < PAGES; i++) {
        write_in(as, i, 100 + i, PFEC_W);
        mfn[i] = pte_mfn(entry_of(as, i));
    }
    struct aspace *twin = aspace_duplicate(as, &error);
    REQUIRE(twin);
    for (uint64_t i = 0; i < PAGES; i++) {
        EXPECT(shared(as, twin, i));
        EXPECT_EQ(pte_mfn(entry_of(as, i)).n, mfn[i].n);
    }

    uint64_t pages = page_count(PAGE_ANON);
    write_in(twin, 0, 200, PFEC_P | PFEC_W);
    EXPECT_EQ(page_count(PAGE_ANON), pages + 1);
    EXPECT(entry_of(twin, 0) & PTE_RW);
    EXPECT(!mfn_eq(pte_mfn(entry_of(twin, 0)), mfn[0]));
    EXPECT_EQ(pte_mfn(entry_of(as, 0)).n, mfn[0].n);
    EXPECT(!(entry_of(as, 0) & PTE_RW)); /* nobody has told the original */

    write_in(as, 0, 300, PFEC_P | PFEC_W); /* alone with it: made writable, not copied */
    EXPECT_EQ(page_count(PAGE_ANON), pages + 1);
    EXPECT_EQ(pte_mfn(entry_of(as, 0)).n, mfn[0].n);
    EXPECT(entry_of(as, 0) & PTE_RW);

    write_in(as, 1, 301, PFEC_P | PFEC_W); /* the original is the one who copies */
    EXPECT_EQ(pte_mfn(entry_of(twin, 1)).n, mfn[1].n);
    EXPECT(!mfn_eq(pte_mfn(entry_of(as, 1)), mfn[1]));

    thread_set_aspace(twin);
    EXPECT_EQ(*(volatile uint64_t *)BASE, 200);
    EXPECT_EQ(*(volatile uint64_t *)(BASE + PAGE_SIZE), 101);
    EXPECT_EQ(*(volatile uint64_t *)(BASE + 2 * PAGE_SIZE), 102);
    EXPECT(shared(as, twin, 2));
    thread_set_aspace(as);
    aspace_destroy(twin);
    EXPECT_EQ(page_refs(m2p(mfn[2])), 1);
    write_in(as, 2, 302, PFEC_P | PFEC_W);
    EXPECT_EQ(pte_mfn(entry_of(as, 2)).n, mfn[2].n);
    EXPECT_EQ(page_count(PAGE_ANON), pages);
    thread_set_aspace(NULL);
    aspace_destroy(as);
    EXPECT_EQ(page_count(PAGE_ANON), pages - PAGES);
}
