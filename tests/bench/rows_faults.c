/*
 * SPDX-License-Identifier: MIT
 *
 * rows_faults.c - page faults of the kernel itself: reflected, resolved, returned from.
 */
#include "bench.h"

#include "guest.h"
#include "mm/page.h"

#include <string.h>

#define ROUNDS    200U
#define COW_PAGES 512U

static pte_t entry; /* what the handlers map at AREA_VA */

static void touch(uint64_t va)
{
    *(volatile uint64_t *)va = 1;
}

static void map_page(void)
{
    hypercall_update_va_mapping(AREA_VA, entry, UVMF_NONE);
}

/* As a kernel that asks for CR2 with MOV, which the hypervisor has to emulate. */
static void map_page_cr2(void)
{
    uint64_t cr2;

    __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    hypercall_update_va_mapping(cr2, entry, UVMF_NONE);
}

static void demand_fault(const char *name, void (*handler)(void))
{
    uint64_t total = 0;

    entry = bench_area()->entry;
    bench_fault_handler(handler);
    for (unsigned int n = 0; n < ROUNDS; n++) {
        hypercall_update_va_mapping(AREA_VA, 0, UVMF_INVLPG);
        uint64_t start = clock_start();

        touch(AREA_VA);
        total += clock_stop() - start;
    }
    bench_fault_handler(NULL);
    bench_report(name, total, ROUNDS);
}

static void row_demand_fault(const char *name)
{
    demand_fault(name, map_page);
}

static void row_demand_fault_cr2(const char *name)
{
    demand_fault(name, map_page_cr2);
}

/* ---- the L1 is missing: a page becomes it, and maps the page ---- */

static pfn_t table;
static uint64_t l2_ma;

static void map_new_l1(void)
{
    mfn_t mfn = p2m(table);
    mmuext_op_t pin = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn.n };
    mmu_update_t two[2] = { { l2_ma, pte_make(mfn, TABLE_FLAGS) }, { mfn_to_ma(mfn), entry } };

    hypercall_update_va_mapping((uint64_t)page_va(table), pte_make(mfn, PTE_P | PTE_NX),
                                UVMF_INVLPG);
    hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF);
    bench_check(hypercall_mmu_update(two, 2, NULL, DOMID_SELF), "hook and map");
}

static void row_demand_fault_new_l1(const char *name)
{
    uint64_t total = 0;

    entry = bench_area()->entry;
    l2_ma = bench_area()->l2_ma;
    table = bench_page();
    bench_set(l2_ma, 0);
    bench_fault_handler(map_new_l1);
    for (unsigned int n = 0; n < ROUNDS; n++) {
        uint64_t start = clock_start();

        touch(AREA_VA);
        total += clock_stop() - start;
        bench_set(l2_ma, 0);
        bench_mmuext(MMUEXT_UNPIN_TABLE, p2m(table));
        bench_protect(table, true);
        memset(page_va(table), 0, PAGE_SIZE);
    }
    bench_fault_handler(NULL);
    bench_set(l2_ma, bench_area()->l2_entry);
    page_put(table);
    bench_report(name, total, ROUNDS);
}

/* ---- a page leaves and comes back: its entry names a slot of a store meanwhile ---- */

static void row_evict(const char *name)
{
    const pte_t in_store = 0x1234UL << PAGE_SHIFT | PTE_AVAIL0;

    entry = bench_area()->entry;
    bench_fault_handler(map_page);
    MEASURE(name, ROUNDS, 1, {
        hypercall_update_va_mapping(AREA_VA, in_store, UVMF_INVLPG);
        touch(AREA_VA);
    });
    bench_fault_handler(NULL);
}

/* ---- copy on write: what the copying itself costs is no hypervisor's, and left out ---- */

static pte_t copies[COW_PAGES];
static mmu_update_t cow_requests[COW_PAGES];

static void map_copy(void)
{
    uint64_t va = guest_cr2();

    hypercall_update_va_mapping(va & PAGE_MASK, copies[va >> PAGE_SHIFT & (COW_PAGES - 1)],
                                UVMF_INVLPG);
}

/* The batch that makes the 512 entries these, or all of them this one. */
static void cow_prepare(const pte_t *entries, pte_t same)
{
    for (unsigned int i = 0; i < COW_PAGES; i++)
        cow_requests[i] =
            (mmu_update_t){ bench_area()->l1_ma + i * sizeof(pte_t), entries ? entries[i] : same };
}

static void cow_carry_out(void)
{
    bench_check(hypercall_mmu_update(cow_requests, COW_PAGES, NULL, DOMID_SELF), "batch");
}

/* 512 pages become shared and read-only: one batch; then each is written. */
static void row_cow(const char *name)
{
    mmuext_op_t flush = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };
    uint64_t total = 0;

    for (unsigned int i = 0; i < COW_PAGES; i++)
        copies[i] = pte_make(p2m(bench_page()), AREA_FLAGS);
    bench_fault_handler(map_copy);
    for (unsigned int n = 0; n < 4; n++) {
        cow_prepare(copies, 0);
        cow_carry_out();
        cow_prepare(NULL, bench_area()->entry & ~PTE_RW);
        uint64_t start = clock_start();

        cow_carry_out();
        hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF);
        for (unsigned int i = 0; i < COW_PAGES; i++)
            touch(AREA_VA + i * PAGE_SIZE);
        total += clock_stop() - start;
    }
    bench_fault_handler(NULL);
    cow_prepare(NULL, 0);
    cow_carry_out();
    bench_set(bench_area()->l1_ma, bench_area()->entry);
    for (unsigned int i = 0; i < COW_PAGES; i++)
        page_put(m2p(pte_mfn(copies[i])));
    bench_report(name, total, 4 * COW_PAGES);
}

const struct bench_row bench_rows_faults[] = {
    { "demand-fault", row_demand_fault },
    { "demand-fault-mov-cr2", row_demand_fault_cr2 },
    { "demand-fault-new-l1", row_demand_fault_new_l1 },
    { "evict-return", row_evict },
    { "copy-on-write-512", row_cow },
    { NULL, NULL },
};
