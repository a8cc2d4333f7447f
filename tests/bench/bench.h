/*
 * SPDX-License-Identifier: MIT
 *
 * bench.h - how a row of the benchmark is measured and reported.
 *
 * A row is many operations between two reads of the TSC, which under QEMU's -icount shift=0 counts
 * retired instructions. The guest's own part (loop, call, handler stub) is inside each figure, the
 * same binary on every hypervisor. Events are masked while a row runs, unless it is about them.
 */
#ifndef BENCH_H
#define BENCH_H

#include "hypercall.h"
#include "mm/p2m.h"

/* Each read's address is noted for scripts/bench --profile, with 1 for a start and 0 for a stop. */
#define BENCH_MARK(is_start, address)                                                   \
    ".pushsection .bench_marks, \"\", @progbits\n\t.quad " address ", " is_start "\n\t" \
    ".popsection\n\t"

#define CLOCK_READ(mark)                                                                    \
    ({                                                                                      \
        uint32_t low_, high_;                                                               \
                                                                                            \
        __asm__ volatile("lfence\n7:\trdtsc\n\t" mark : "=a"(low_), "=d"(high_)::"memory"); \
        (uint64_t) high_ << 32 | low_;                                                      \
    })

static inline uint64_t clock_read(void)
{
    return CLOCK_READ("");
}

static inline uint64_t clock_start(void)
{
    return CLOCK_READ(BENCH_MARK("1", "7b"));
}

static inline uint64_t clock_stop(void)
{
    return CLOCK_READ(BENCH_MARK("0", "7b"));
}

/* Runs the statement `count` times; each run is `ops` operations of the row. */
#define MEASURE(name, count, ops, statement)                                    \
    do {                                                                        \
        uint64_t start_ = clock_start();                                        \
        for (unsigned int i_ = (count); i_ > 0; i_--) {                         \
            statement;                                                          \
        }                                                                       \
        bench_report((name), clock_stop() - start_, (uint64_t)(count) * (ops)); \
    } while (0)

/* The line of a row: ticks in all, and how many operations they were for. */
void bench_report(const char *name, uint64_t ticks, uint64_t ops);

/* Runs the row of that name as `label`.  Result: false when there is none. */
bool bench_run(const char *name, const char *label);

/* Stops the run with a message unless the hypercall succeeded. */
void bench_check(long rc, const char *what);

/* Where the kernel is entered, by an event or a system call: events masked. */
void bench_callback(unsigned int type, uint64_t address);

/* ---- rows: one table for each file, all of them in main.c ---- */

struct bench_row {
    const char *name;
    void (*run)(const char *name);
};

extern const struct bench_row bench_rows_calls[], bench_rows_updates[], bench_rows_stores[],
    bench_rows_faults[], bench_rows_roots[], bench_rows_users[], bench_rows_boot[];

/* Memory accounts (memory.c): runs when `rows` names it, and may leave little of the machine. */
void bench_memory(const char *name);

/* growth.c: rows again and again while there is more and more of something. */
void bench_growth(const char *what, unsigned long limit);

/* ---- what the rows work on (area.c): 2 MiB of address space with an L1 of its own ---- */

#define AREA_VA     0xffff89c000000000UL
#define AREA_FLAGS  (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)
#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D)

struct bench_area {
    pte_t entry;           /* of the page that gets mapped */
    uint64_t l1_ma, l2_ma; /* machine addresses of the entries that lead to AREA_VA */
    pte_t l2_entry;
};

/* Made at the first call; AREA_VA's page is mapped whenever a row begins and ends. */
const struct bench_area *bench_area(void);

/* Gives a page its rights in the direct map: a table must be read-only there. */
void bench_protect(pfn_t page, bool writable);

/* One mmuext_op with a frame, checked. */
void bench_mmuext(unsigned int cmd, mfn_t mfn);

/* One mmu_update, checked. */
void bench_set(uint64_t ma, pte_t entry);

/* A fresh page, or the run stops. */
pfn_t bench_page(void);

/* ---- entries from the hypervisor (stubs.S) ---- */

/* The user program's place; its text is copied there from bench_user_text on. */
#define USER_TEXT_VA 0x400000UL

/* While it is set, a page fault goes to the lean stub, which calls it; NULL gives the library's back. */
void bench_fault_handler(void (*handler)(void));

#endif
