/*
 * SPDX-License-Identifier: MIT
 *
 * rows_stores.c - a kernel that writes to a live L1 as if it were memory, with the instructions that
 * compilers make of it: each store faults, as the table is read-only, and is carried out for it.
 */
#include "bench.h"

#include "mm/page.h"

#define ROUNDS 500U

/* The area's entry as memory; the assist is off again when the row ends. */
static volatile uint64_t *table_entry(void)
{
    uint64_t ma = bench_area()->l1_ma;

    bench_check(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), "assist");
    return (volatile uint64_t *)((char *)page_va(m2p(ma_to_mfn(ma))) + (ma & (PAGE_SIZE - 1)));
}

static void rest(void)
{
    bench_check(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables), "assist");
    bench_set(bench_area()->l1_ma, bench_area()->entry);
}

static void row_xchg_mov(const char *name)
{
    volatile uint64_t *at = table_entry();
    pte_t entry = bench_area()->entry;

    MEASURE(name, ROUNDS, 1, {
        pte_t old = 0;

        __asm__ volatile("xchgq %0, %1" : "+r"(old), "+m"(*at));
        __asm__ volatile("movq %1, %0" : "=m"(*at) : "r"(entry));
    });
    rest();
}

/* The accessed bit of a page that nobody touches. */
static void row_cmpxchg(const char *name)
{
    volatile uint64_t *at = table_entry();
    uint64_t set = *at | PTE_A, clear = set & ~PTE_A;

    MEASURE(name, ROUNDS, 1, {
        uint64_t expected = set;

        __asm__ volatile("lock cmpxchgq %2, %1" : "+a"(expected), "+m"(*at) : "r"(clear) : "cc");
        expected = clear;
        __asm__ volatile("lock cmpxchgq %2, %1" : "+a"(expected), "+m"(*at) : "r"(set) : "cc");
    });
    rest();
}

static void row_bits(const char *name)
{
    volatile uint64_t *at = table_entry();

    MEASURE(name, ROUNDS, 1, {
        __asm__ volatile("lock btrq $5, %0\n\tlock btsq $5, %0" : "+m"(*at) : : "cc");
    });
    rest();
}

/* Write-protects as a fork does, and makes writable again. */
static void row_protect(const char *name)
{
    volatile uint64_t *at = table_entry();

    MEASURE(name, ROUNDS, 1, {
        __asm__ volatile("lock andb $0xfd, %0\n\tlock orb $2, %0" : "+m"(*at) : : "cc");
    });
    rest();
}

const struct bench_row bench_rows_stores[] = {
    { "store-xchg-mov", row_xchg_mov },
    { "store-cmpxchg", row_cmpxchg },
    { "store-bits", row_bits },
    { "store-protect", row_protect },
    { NULL, NULL },
};
