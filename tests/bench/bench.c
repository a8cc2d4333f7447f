/*
 * SPDX-License-Identifier: MIT
 *
 * bench.c - what each request costs, in TSC ticks: instructions under QEMU's -icount shift=0.
 *
 * A kernel of its own on the guest library; runs on Pinion and on real Xen alike. Each row is a loop
 * of many operations between two serialised reads of the TSC; the guest's own part (loop, call, stub)
 * is inside each figure on both sides. Output: one line `bench NAME per-operation` for each row.
 */
#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/p2m.h"
#include "mm/page.h"
#include "mm/pt_page.h"
#include "mm/pt_update.h"
#include "mm/walk.h"

#include <stdio.h>
#include <string.h>

#define BATCH   512U
#define ROUNDS  200U
#define AREA_VA 0xffff89c000000000UL /* in the arena: 2 MiB with an L1 of its own */

void bench_fault_entry(void);
void bench_fault(void);

static inline uint64_t ticks(void)
{
    uint32_t lo, hi;

    __asm__ volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi)::"memory");
    return (uint64_t)hi << 32 | lo;
}

static void report(const char *name, uint64_t start, uint64_t end, uint64_t operations)
{
    uint64_t tenths = (end - start) * 10 / operations;

    printf("bench %s %lu.%lu\n", name, tenths / 10, tenths % 10);
}

#define MEASURE(name, count, statement)                 \
    do {                                                \
        uint64_t start_ = ticks();                      \
        for (unsigned int i_ = 0; i_ < (count); i_++) { \
            statement;                                  \
        }                                               \
        report((name), start_, ticks(), (count));       \
    } while (0)

static pfn_t page; /* what the rows map */
static pte_t page_entry;
static uint64_t l1_ma; /* machine address of AREA_VA's L1 entry 0 */

static void check(long rc, const char *what)
{
    if (rc)
        guest_panic("bench: %s: %ld", what, rc);
}

static void area_make(void)
{
    struct walk w;

    page = page_alloc_zero(PAGE_ANON);
    page_entry = pte_make(p2m(page), PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX);
    check(pt_map(aspace_active, AREA_VA, p2m(page), PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX),
          "area");
    w = pt_walk(aspace_root(aspace_active), AREA_VA);
    l1_ma = walk_slot_ma(&w, 1);
}

static void row_hypercall(void)
{
    MEASURE("null-hypercall", 1000, hypercall_xen_version(XENVER_version, NULL));
    MEASURE("yield", 1000, hypercall_sched_op(SCHEDOP_yield, NULL));
}

static void row_update_va(void)
{
    MEASURE("update-va-pair", 1000, {
        hypercall_update_va_mapping(AREA_VA, 0, UVMF_NONE);
        hypercall_update_va_mapping(AREA_VA, page_entry, UVMF_NONE);
    });
    MEASURE("update-va-pair-invlpg", 1000, {
        hypercall_update_va_mapping(AREA_VA, 0, UVMF_INVLPG);
        hypercall_update_va_mapping(AREA_VA, page_entry, UVMF_INVLPG);
    });
}

static mmu_update_t reqs[2 * BATCH];

static void row_mmu_update(void)
{
    mmu_update_t clear = { l1_ma, 0 }, set = { l1_ma, page_entry };

    MEASURE("mmu-update-pair", 1000, {
        hypercall_mmu_update(&clear, 1, NULL, DOMID_SELF);
        hypercall_mmu_update(&set, 1, NULL, DOMID_SELF);
    });
}

static void row_batches(void)
{
    uint64_t start;

    for (unsigned int i = 0; i < BATCH; i++)
        reqs[i] = (mmu_update_t){ l1_ma + i * sizeof(pte_t), page_entry };
    check(hypercall_mmu_update(reqs, BATCH, NULL, DOMID_SELF), "fill");
    start = ticks();
    for (unsigned int n = 0; n < ROUNDS; n++)
        hypercall_mmu_update(reqs, BATCH, NULL, DOMID_SELF);
    report("mmu-update-512-same", start, ticks(), ROUNDS * BATCH);

    for (unsigned int i = 0; i < BATCH; i++) {
        reqs[i] = (mmu_update_t){ l1_ma + i * sizeof(pte_t), 0 };
        reqs[BATCH + i] = (mmu_update_t){ l1_ma + i * sizeof(pte_t), page_entry };
    }
    start = ticks();
    for (unsigned int n = 0; n < ROUNDS; n++)
        hypercall_mmu_update(reqs, 2 * BATCH, NULL, DOMID_SELF);
    report("mmu-update-512-pair", start, ticks(), ROUNDS * BATCH);
    check(hypercall_mmu_update(reqs, BATCH, NULL, DOMID_SELF), "clear");
}

/* ---- demand faults: bench_fault_entry stands in the trap table meanwhile ------------------------ */

static pfn_t table; /* 0: the L1 is there; else the page that becomes it */
static uint64_t l2_ma;

static void table_life(void)
{
    mfn_t mfn = p2m(table);
    mmuext_op_t pin = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn.n };
    mmu_update_t two[2] = { { l2_ma, pte_make(mfn, PT_TABLE_FLAGS) },
                            { mfn_to_ma(mfn), page_entry } };

    check(hypercall_update_va_mapping((uint64_t)page_va(table), pte_make(mfn, PTE_P | PTE_NX),
                                      UVMF_INVLPG),
          "read-only");
    check(hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF), "pin");
    check(hypercall_mmu_update(two, 2, NULL, DOMID_SELF), "hook and map");
}

void bench_fault(void)
{
    if (table.n)
        table_life();
    else
        hypercall_update_va_mapping(AREA_VA, page_entry, UVMF_NONE);
}

/* Undoes what the fault did, outside the measured time. */
static void fault_undo(void)
{
    mmuext_op_t unpin = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = p2m(table).n };
    mmu_update_t unhook = { l2_ma, 0 };

    if (!table.n) {
        hypercall_update_va_mapping(AREA_VA, 0, UVMF_INVLPG);
        return;
    }
    check(hypercall_mmu_update(&unhook, 1, NULL, DOMID_SELF), "unhook");
    check(hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF), "unpin");
    check(hypercall_update_va_mapping((uint64_t)page_va(table),
                                      pte_make(p2m(table), PTE_P | PTE_RW | PTE_NX), UVMF_INVLPG),
          "writable");
    memset(page_va(table), 0, PAGE_SIZE);
}

static void fault_loop(const char *name)
{
    uint64_t total = 0;

    fault_undo();
    for (unsigned int n = 0; n < ROUNDS; n++) {
        uint64_t start = ticks();

        (void)*(volatile uint64_t *)AREA_VA;
        total += ticks() - start;
        fault_undo();
    }
    report(name, 0, total, ROUNDS);
}

static void row_faults(void)
{
    struct trap_info ours[2] = { { .vector = 14,
                                   .flags = TRAP_MASK_EVENTS,
                                   .cs = FLAT_KERNEL_CS,
                                   .address = (uint64_t)bench_fault_entry } };
    struct walk w = pt_walk(aspace_root(aspace_active), AREA_VA);
    pte_t old_l1 = w.entry[2];

    check(hypercall_set_trap_table(ours), "trap table");
    table = pfn_of(0);
    fault_loop("demand-fault");

    l2_ma = walk_slot_ma(&w, 2);
    table = page_alloc_zero(PAGE_KERNEL);
    check(hypercall_mmu_update(&(mmu_update_t){ l2_ma, 0 }, 1, NULL, DOMID_SELF), "unhook own L1");
    table_life();
    fault_loop("demand-fault-new-l1");
    check(hypercall_mmu_update(&(mmu_update_t){ l2_ma, old_l1 }, 1, NULL, DOMID_SELF), "hook back");
}

/* ---- roots ---------------------------------------------------------------------------------------- */

static void row_roots(void)
{
    pfn_t l4 = page_alloc_zero(PAGE_KERNEL);
    mfn_t root = aspace_root(aspace_active);
    mmuext_op_t pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = p2m(l4).n };
    mmuext_op_t unpin = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = p2m(l4).n };
    mmuext_op_t there = { .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = p2m(l4).n };
    mmuext_op_t back = { .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = root.n };
    const pte_t *live = (const pte_t *)page_va(m2p(root));

    for (unsigned int i = 0; i < 512; i++)
        if (i < HV_L4_SLOT_FIRST || i > HV_L4_SLOT_LAST)
            ((pte_t *)page_va(l4))[i] = live[i];
    check(hypercall_update_va_mapping((uint64_t)page_va(l4), pte_make(p2m(l4), PTE_P | PTE_NX),
                                      UVMF_INVLPG),
          "read-only L4");
    check(hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF), "pin L4");
    check(hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF), "unpin L4");
    MEASURE("pin-unpin-l4", 200, {
        hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF);
        hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF);
    });
    check(hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF), "pin L4 for switches");
    MEASURE("baseptr-pair", 200, {
        hypercall_mmuext_op(&there, 1, NULL, DOMID_SELF);
        hypercall_mmuext_op(&back, 1, NULL, DOMID_SELF);
    });
}

void guest_main(const start_info_t *si)
{
    uint64_t start = ticks();

    (void)si;
    report("read-of-the-clock", start, ticks(), 1);
    area_make();
    row_hypercall();
    row_update_va();
    row_mmu_update();
    row_batches();
    row_faults();
    row_roots();
    printf("Test result: SUCCESS\n");
}
