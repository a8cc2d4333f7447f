/*
 * SPDX-License-Identifier: MIT
 *
 * shared-library: two processes, one copy of the program's text.
 *
 * Background: text pages of a program lie in the ramdisk module.  The first fault on one fills a page
 * of the page cache; every other address space that faults on it maps the same frame, read-only.
 *
 * Steps: two address spaces map one file and read the same page; then two processes run the same
 * program to its end, and their entries for its text and its stack are compared.
 *
 * Expected: one frame, two entries that name it, none writable; one reference for each mapping and one
 * of the cache; private pages differ; every page back afterwards.
 */
#include "scenario.h"

#include "mm/page_cache.h"
#include "ramdisk.h"

#include <string.h>

#define BASE 0x50000000UL

static struct aspace *mapping_of(const struct ramdisk_file *file)
{
    int error;
    struct aspace *as = aspace_create(true, &error);

    REQUIRE(as);
    REQUIRE(region_add_file(as, BASE, BASE + 2 * PAGE_SIZE, REGION_R | REGION_X | REGION_USER, file,
                            0, 2 * PAGE_SIZE));
    return as;
}

static uint64_t read_in(struct aspace *as, uint64_t va)
{
    thread_set_aspace(as);
    uint64_t value = *(volatile uint64_t *)va;

    thread_set_aspace(NULL);
    return value;
}

SCENARIO(shared_library, "shared-library", "one page in memory, mapped by two address spaces")
{
    const struct ramdisk_file *file = ramdisk_find("hello");

    if (!file)
        scenario_skip("no hello in the ramdisk");
    struct aspace *first = mapping_of(file), *second = mapping_of(file);
    uint64_t value;

    memcpy(&value, file->data, sizeof(value));
    EXPECT_EQ(read_in(first, BASE), value);
    struct walk a = pt_walk(aspace_root(first), BASE), b = pt_walk(aspace_root(second), BASE);
    EXPECT(walk_mapped(&a) && !walk_mapped(&b));
    pfn_t pfn = m2p(pte_mfn(a.entry[1]));
    EXPECT_EQ(page_kind(pfn), PAGE_CACHE);
    EXPECT_EQ(page_refs(pfn), 2); /* the mapping's, the cache's */
    uint64_t cached = page_count(PAGE_CACHE);

    EXPECT_EQ(read_in(second, BASE), value);
    b = pt_walk(aspace_root(second), BASE);
    EXPECT(walk_mapped(&b));
    EXPECT_EQ(pte_mfn(b.entry[1]).n, pte_mfn(a.entry[1]).n);
    EXPECT(!mfn_eq(a.table[1], b.table[1]));
    EXPECT(!(a.entry[1] & PTE_RW) && !(b.entry[1] & PTE_RW));
    EXPECT_EQ(page_refs(pfn), 3);
    EXPECT_EQ(page_count(PAGE_CACHE), cached); /* nothing was copied */

    aspace_destroy(first);
    EXPECT_EQ(page_refs(pfn), 2);
    EXPECT_EQ(read_in(second, BASE), value);
    aspace_destroy(second);
    EXPECT_EQ(page_refs(pfn), 1);
    scenario_reason("MFN %lx in two L1s", pte_mfn(a.entry[1]).n);
}

SCENARIO(shared_text, "shared-text", "two processes of one program: text shared, stacks their own")
{
    uint64_t top = USER_STACK_TOP - PAGE_SIZE, before = 0;
    int error;

    if (!ramdisk_find("access"))
        scenario_skip("no access in the ramdisk");
    for (int round = 0; round < 2; round++) {
        const char *const argv[] = { "access", "r", "text", NULL };
        struct process *p = process_create("access", argv, &error);
        struct process *q = process_create("access", argv, &error);

        REQUIRE(p && q);
        process_join(p);
        process_join(q);
        EXPECT(!p->killed && !q->killed && p->status == 0 && q->status == 0);
        struct walk a = pt_walk(aspace_root(p->aspace), p->entry);
        struct walk b = pt_walk(aspace_root(q->aspace), q->entry);
        EXPECT(walk_mapped(&a) && walk_mapped(&b));
        EXPECT_EQ(pte_mfn(a.entry[1]).n, pte_mfn(b.entry[1]).n);
        EXPECT_EQ(page_refs(m2p(pte_mfn(a.entry[1]))), 3);
        a = pt_walk(aspace_root(p->aspace), top);
        b = pt_walk(aspace_root(q->aspace), top);
        EXPECT(walk_mapped(&a) && walk_mapped(&b));
        EXPECT(!mfn_eq(pte_mfn(a.entry[1]), pte_mfn(b.entry[1])));
        process_free(p);
        process_free(q);
        if (round) /* the first left pools and stacks' tables */
            EXPECT_EQ(scenario_free_pages(), before);
        before = scenario_free_pages();
    }
}
