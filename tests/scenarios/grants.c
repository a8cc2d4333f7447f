/*
 * SPDX-License-Identifier: MIT
 *
 * grants: pages that the domain grants to itself, mapped a second time and copied.
 *
 * Background: a domain lets others use its pages by entries of its grant table; they map them by
 * reference, and the hypervisor marks the entry while they do.  To itself a domain may grant too,
 * which needs no second one.
 *
 * Steps: map for writing, for reading, by the entry's address, for user mode; write through one
 * mapping and read through the other; overwrite the entry; grant page tables; grow the table; copy.
 *
 * Expected: both mappings show the same page; the marks come with the first use and go with the
 * last; a page table is never writable; what is unmapped faults; nothing is lost.
 */
#include "scenario.h"

#include "grants.h"
#include "mm/p2m.h"

#include <string.h>

struct place {
    uint64_t va; /* its L1 is there, the slot is empty */
    struct walk w;
    pfn_t page;
    domid_t self;
};

static struct place place_make(void)
{
    struct region *r = scenario_region(PT_ENTRIES, REGION_R | REGION_W, &region_guard);
    struct place p = { .va = r->start, .self = grants_own_domid() };

    REQUIRE(grants_init(1) == 0);
    REQUIRE(pt_tables_ensure(&kernel_aspace, p.va, 1, &p.w) == 0);
    p.page = scenario_page();
    return p;
}

static volatile uint64_t *word_of(pfn_t page)
{
    return page_va(page);
}

SCENARIO(grants_write, "grants-write", "one page at two addresses; the marks come and go")
{
    struct place p = place_make();
    grant_ref_t ref = grant_give(p.self, p2m(p.page), true);
    grant_handle_t handle = 0;

    EXPECT_EQ(grant_map(p.va, p.self, ref, 0, &handle), 0);
    EXPECT_EQ(grant_flags(ref), GTF_permit_access | GTF_reading | GTF_writing);
    *(volatile uint64_t *)p.va = 0x1122334455667788;
    EXPECT_EQ(*word_of(p.page), 0x1122334455667788);
    EXPECT(!grant_end(ref));
    EXPECT_EQ(grant_unmap(p.va, handle), 0);
    expect_fault_read(p.va, 0);
    EXPECT_EQ(grant_unmap(p.va, handle), GNTST_bad_handle);
    EXPECT_EQ(grant_flags(ref), GTF_permit_access);
    EXPECT(grant_end(ref));
    EXPECT_EQ(grant_map(p.va, p.self, ref, 0, &handle), GNTST_general_error);
}

SCENARIO(grants_read, "grants-read", "a read-only grant is not written to, by no way")
{
    struct place p = place_make();
    grant_ref_t ref = grant_give(p.self, p2m(p.page), false);
    grant_handle_t handle = 0;

    *word_of(p.page) = 77;
    EXPECT_EQ(grant_map(p.va, p.self, ref, 0, &handle), GNTST_general_error);
    EXPECT_EQ(grant_map(p.va, p.self, ref, GNTMAP_readonly, &handle), 0);
    EXPECT_EQ(grant_flags(ref), GTF_permit_access | GTF_readonly | GTF_reading);
    EXPECT_EQ(*(volatile uint64_t *)p.va, 77);
    expect_fault_write(p.va, 78, PFEC_P | PFEC_W);
    EXPECT_EQ(*word_of(p.page), 77);
    EXPECT_EQ(grant_unmap(p.va, handle), 0);
    EXPECT(grant_end(ref));
}

SCENARIO(grants_tables, "grants-tables", "a granted page table is mapped for reading only")
{
    struct place p = place_make();
    pfn_t table;
    grant_handle_t handle = 0;
    grant_ref_t ref;

    REQUIRE(pt_page_make(1, NULL, &table) == 0);
    ref = grant_give(p.self, p2m(table), true);
    EXPECT_EQ(grant_map(p.va, p.self, ref, 0, &handle), GNTST_general_error);
    EXPECT_EQ(grant_flags(ref), GTF_permit_access);
    EXPECT_EQ(grant_map(p.va, p.self, ref, GNTMAP_readonly, &handle), 0);
    EXPECT_EQ(*(volatile uint64_t *)p.va, 0);
    EXPECT_EQ(grant_unmap(p.va, handle), 0);
    EXPECT(grant_end(ref));
    pt_page_release(table);

    /* Mapped for writing, a page does not become one. */
    ref = grant_give(p.self, p2m(p.page), true);
    EXPECT_EQ(grant_map(p.va, p.self, ref, 0, &handle), 0);
    EXPECT_EQ(hypercall_update_va_mapping((uint64_t)page_va(p.page),
                                          pte_make(p2m(p.page), PTE_P | PTE_NX), UVMF_INVLPG),
              0);
    EXPECT_EQ(mmuext_one(MMUEXT_PIN_L1_TABLE, p2m(p.page)), -XEN_EINVAL);
    EXPECT_EQ(grant_unmap(p.va, handle), 0);
    EXPECT_EQ(mmuext_one(MMUEXT_PIN_L1_TABLE, p2m(p.page)), 0);
    EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, p2m(p.page)), 0);
    EXPECT_EQ(hypercall_update_va_mapping((uint64_t)page_va(p.page),
                                          pte_make(p2m(p.page), PTE_P | PTE_RW | PTE_NX),
                                          UVMF_INVLPG),
              0);
    EXPECT(grant_end(ref));
}

SCENARIO(grants_overwritten, "grants-overwritten", "a mapping whose entry the kernel overwrote")
{
    struct place p = place_make();
    grant_ref_t ref = grant_give(p.self, p2m(p.page), true);
    uint64_t slot = walk_slot_ma(&p.w, 1);
    grant_handle_t handle = 0;

    EXPECT_EQ(grant_map(p.va, p.self, ref, 0, &handle), 0);
    EXPECT_EQ(mmu_update_one(slot, 0), 0);
    EXPECT_EQ(grant_unmap(p.va, handle), GNTST_general_error);
    EXPECT_EQ(grant_flags(ref), GTF_permit_access | GTF_reading | GTF_writing);
    EXPECT_EQ(mmu_update_one(slot, pte_make(p2m(p.page), PTE_P | PTE_NX)), 0);
    EXPECT_EQ(grant_unmap(p.va, handle), GNTST_general_error);
    EXPECT_EQ(mmu_update_one(slot, pte_make(p2m(p.page), PTE_P | PTE_RW | PTE_NX)), 0);
    EXPECT_EQ(grant_unmap(p.va, handle), 0);
    EXPECT_EQ(*(const volatile pte_t *)p.w.slot[1], 0);
    EXPECT(grant_end(ref));
}

SCENARIO(grants_many, "grants-many", "every entry of four frames mapped, then unmapped in batches")
{
    enum { BATCH = 100 };
    static struct gnttab_map_grant_ref maps[PT_ENTRIES];
    static struct gnttab_unmap_grant_ref unmaps[PT_ENTRIES];
    struct place p = place_make();
    unsigned int n = 0;

    REQUIRE(grants_init(4) == 0);
    for (; n < PT_ENTRIES; n++) {
        grant_ref_t ref = grant_give(p.self, p2m(p.page), true);

        REQUIRE(ref != GRANT_NONE);
        maps[n] = (struct gnttab_map_grant_ref){
            .host_addr = p.va + n * PAGE_SIZE, .flags = GNTMAP_host_map, .ref = ref, .dom = p.self
        };
    }
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_map_grant_ref, maps, n), 0);
    for (unsigned int i = 0; i < n; i++) {
        EXPECT_EQ(maps[i].status, 0);
        EXPECT_EQ(maps[i].dev_bus_addr, mfn_to_ma(p2m(p.page)));
        *(volatile uint64_t *)(maps[i].host_addr + 8UL * i) = i;
        unmaps[i] = (struct gnttab_unmap_grant_ref){ .host_addr = maps[i].host_addr,
                                                     .handle = maps[i].handle };
    }
    for (unsigned int i = 0; i < n; i++)
        EXPECT_EQ(word_of(p.page)[i], i);
    for (unsigned int i = 0; i < n; i += BATCH)
        EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmaps[i],
                                           n - i < BATCH ? n - i : BATCH),
                  0);
    for (unsigned int i = 0; i < n; i++) {
        EXPECT_EQ(unmaps[i].status, 0);
        EXPECT(grant_end(maps[i].ref));
    }
    scenario_reason("%u mappings of one page", n);
}

SCENARIO(grants_copy, "grants-copy", "bytes between granted and own pages, to the last of a page")
{
    struct place p = place_make();
    pfn_t from = scenario_page();
    grant_ref_t to = grant_give(p.self, p2m(p.page), true);
    grant_ref_t source = grant_give(p.self, p2m(from), false);
    struct gnttab_copy op[2];

    memset(page_va(from), 0x5a, PAGE_SIZE);
    memset(page_va(p.page), 0, PAGE_SIZE);
    for (unsigned int i = 0; i < 2; i++) {
        op[i] =
            (struct gnttab_copy){ .len = 100, .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref };
        op[i].source.domid = op[i].dest.domid = p.self;
        op[i].source.u.ref = source;
        op[i].dest.u.ref = to;
        op[i].dest.offset = (uint16_t)(PAGE_SIZE - 100 + i);
    }
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_copy, op, 2), 0);
    EXPECT_EQ(op[0].status, 0);
    EXPECT_EQ(op[1].status, GNTST_bad_copy_arg);
    EXPECT_EQ(word_of(p.page)[511], 0x5a5a5a5a5a5a5a5a);
    EXPECT_EQ(((volatile uint8_t *)page_va(p.page))[PAGE_SIZE - 101], 0);
    op[0].dest.u.ref = source;
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_copy, op, 1), 0);
    EXPECT_EQ(op[0].status, GNTST_general_error);
    EXPECT_EQ(grant_flags(source), GTF_permit_access | GTF_readonly);
    EXPECT(grant_end(to));
    EXPECT(grant_end(source));
}

SCENARIO(grants_left, "grants-left", "a mapping that is still there when the domain ends")
{
    struct place p = place_make();
    grant_ref_t ref = grant_give(p.self, p2m(page_alloc_zero(PAGE_KERNEL)), true);
    grant_handle_t handle = 0;

    EXPECT_EQ(grant_map(p.va, p.self, ref, GNTMAP_device_map, &handle), 0);
    /* The region's end overwrites the entry; the device's part stays. */
    EXPECT(!grant_end(ref));
}
