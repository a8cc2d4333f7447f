/*
 * SPDX-License-Identifier: MIT
 *
 * scenario.h - what a scenario in tests/scenarios/ is written with.
 *
 *      SCENARIO(zero_fill, "zero-fill", "a hole reads as zeros")
 *      {
 *          struct region *r = scenario_region(4, REGION_R | REGION_W, &region_anon);
 *
 *          EXPECT_EQ(*(volatile uint64_t *)r->start, 0);
 *          expect_fault_write(r->end, 1, PFEC_W);
 *          scenario_reason("%lu page resident", r->resident);
 *      }
 *
 * Four verdicts: SUCCESS; SKIP, the platform has not what it takes; ERROR, the test broke (set-up
 * failed); FAILURE, the subject broke.  An exception that nobody expects is a FAILURE with its
 * vector, error code and address, and the run goes on with the next scenario.
 */
#ifndef GUEST_SCENARIO_H
#define GUEST_SCENARIO_H

#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/fault.h"
#include "mm/page.h"
#include "mm/pt_page.h"
#include "mm/pt_update.h"
#include "mm/region.h"
#include "mm/steps.h"
#include "mm/walk.h"
#include "process.h"
#include "thread.h"
#include "traps.h"

struct scenario {
    const char *name;
    const char *summary;
    unsigned int flags;
    void (*run)(void);
};

/* Not part of `scenarios=all`: its outcome is the domain's death, so it runs alone, by name. */
#define SCENARIO_ALONE 1U

#define SCENARIO_FLAGS(ident, name_, summary_, flags_)                                   \
    static void scenario_run_##ident(void);                                              \
    static const struct scenario scenario_##ident                                        \
        __attribute__((used, section(".scenarios." #ident),                              \
                       aligned(8))) = { name_, summary_, flags_, scenario_run_##ident }; \
    static void scenario_run_##ident(void)

#define SCENARIO(ident, name, summary) SCENARIO_FLAGS(ident, name, summary, 0)

/* ---- verdicts ------------------------------------------------------------------------------ */

/* The line behind a success (printf formats); the last call counts. Default: the summary. */
void scenario_reason(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* End the scenario with that verdict. */
void scenario_skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void scenario_error(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void scenario_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* A line of comment in the output. */
void scenario_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- checks: they end the scenario with FAILURE, naming file, line and values --------------- */

#define EXPECT(cond)                                                            \
    do {                                                                        \
        if (!(cond))                                                            \
            scenario_fail("%s:%d: not so: %s", __FILE_NAME__, __LINE__, #cond); \
    } while (0)

#define EXPECT_EQ(got, want)                                                                    \
    do {                                                                                        \
        long got_ = (long)(got), want_ = (long)(want);                                          \
        if (got_ != want_)                                                                      \
            scenario_fail("%s:%d: %s is %ld (0x%lx), not %ld (0x%lx)", __FILE_NAME__, __LINE__, \
                          #got, got_, (unsigned long)got_, want_, (unsigned long)want_);        \
    } while (0)

/* For set-up: ERROR, not FAILURE. */
#define REQUIRE(cond)                                                            \
    do {                                                                         \
        if (!(cond))                                                             \
            scenario_error("%s:%d: set-up: %s", __FILE_NAME__, __LINE__, #cond); \
    } while (0)

/* ---- faults that must come ------------------------------------------------------------------ */

/*
 * One access that must raise a page fault nobody resolves, with exactly this error code (PFEC_*;
 * from kernel mode never PFEC_U) and CR2 == va.
 */
void expect_fault_read(uint64_t va, uint32_t error);
void expect_fault_write(uint64_t va, uint64_t value, uint32_t error);
void expect_fault_exec(uint64_t va, uint32_t error);

/* fn(arg) must raise this exception.  Result: the report. */
struct trap_report expect_trap(void (*fn)(void *arg), void *arg, unsigned int vector);

/*
 * Runs until that many timer interrupts have arrived since clock_ticks() was `seen`: FAILURE after 30 s,
 * which is to tell one that does not come from a machine that stands still for a while.
 */
void expect_ticks(uint64_t seen, uint64_t more);

/* A process must have been killed by a page fault with this address and error code. */
void expect_killed(const struct process *process, uint64_t cr2, uint32_t error);

/* ---- set-up --------------------------------------------------------------------------------- */

/* A region of `pages` pages in the arena, away from others, no table there; removed at the end. */
struct region *scenario_region(uint64_t pages, unsigned int rights,
                               const struct region_policy *policy);

/* An arena address range without region and tables (1 GiB aligned: one L2's reach). */
uint64_t scenario_va(void);

/* A page of kind PAGE_KERNEL, mapped writable in the direct map; put back at the end. */
pfn_t scenario_page(void);

/* Frees caches and swap, so that page_count(PAGE_FREE) compares between two points. */
uint64_t scenario_free_pages(void);

/* Raw requests: the hypervisor's result, nothing checked. */
long mmu_update_one(uint64_t ma, pte_t value);
long mmuext_one(unsigned int cmd, mfn_t mfn);

/* Drops the set-up of the scenario that has just ended; the runner calls it. */
void scenario_clean_up(void);

/* Runs the scenarios the command line asks for; the library's guest_main does just this. */
void scenarios_run(void);

#endif
