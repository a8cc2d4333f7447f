/*
 * SPDX-License-Identifier: MIT
 *
 * scenario_help.c - set-up and expectations that scenarios share.
 *
 * What a scenario takes here is given back when it ends, whatever its verdict, so that scenarios do
 * not depend on their order.
 */
#include "scenario.h"

#include "clock.h"
#include "mm/p2m.h"
#include "mm/page_cache.h"
#include "mm/swap.h"

#define KEPT_MAX 64
#define VA_STEP  (1UL << L3_SHIFT)
#define TICKS_NS 30000000000UL

static struct region *regions[KEPT_MAX];
static pfn_t pages[KEPT_MAX];
static unsigned int regions_kept, pages_kept;
static uint64_t next_va = ARENA_VA;

uint64_t scenario_va(void)
{
    uint64_t va = next_va;

    next_va = va + VA_STEP < ARENA_END ? va + VA_STEP : ARENA_VA;
    return va;
}

struct region *scenario_region(uint64_t count, unsigned int rights,
                               const struct region_policy *policy)
{
    uint64_t va = scenario_va();
    struct region *r = NULL;

    if (regions_kept < KEPT_MAX)
        r = region_add(&kernel_aspace, va, va + count * PAGE_SIZE, rights, policy);
    if (!r)
        scenario_error("no region of %lu pages", count);
    regions[regions_kept++] = r;
    return r;
}

pfn_t scenario_page(void)
{
    pfn_t pfn = pages_kept < KEPT_MAX ? page_alloc_zero(PAGE_KERNEL) : PFN_NONE;

    if (page_none(pfn))
        scenario_error("no page");
    pages[pages_kept++] = pfn;
    return pfn;
}

/* Nothing is ever faulted into a guard region: what its tables hold are a failed scenario's entries. */
static void guard_clear(const struct region *r)
{
    struct walk w;

    for (uint64_t va = r->start; pt_walk_next(aspace_root(r->as), va, r->end, &w);
         va = w.va + PAGE_SIZE)
        (void)pt_write(r->as, w.va, 0);
}

void scenario_clean_up(void)
{
    while (regions_kept) {
        struct region *r = regions[--regions_kept];

        if (r->policy == &region_guard)
            guard_clear(r);
        region_remove(r);
    }
    while (pages_kept)
        page_put(pages[--pages_kept]);
}

uint64_t scenario_free_pages(void)
{
    page_cache_drop();
    swap_release();
    return page_count(PAGE_FREE);
}

long mmu_update_one(uint64_t ma, pte_t value)
{
    mmu_update_t req = { ma, value };

    return hypercall_mmu_update(&req, 1, NULL, DOMID_SELF);
}

long mmuext_one(unsigned int cmd, mfn_t mfn)
{
    mmuext_op_t op = { .cmd = cmd, .arg1.mfn = mfn.n };

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void check_fault(const char *what, bool caught, const struct trap_report *r, uint64_t va,
                        uint32_t error)
{
    if (!caught)
        scenario_fail("%s at %lx did not fault", what, va);
    if (r->vector != TRAP_PF || r->cr2 != va || r->error != error)
        scenario_fail("%s at %lx: vector %u error %x cr2 %lx, expected page fault with error %x",
                      what, va, r->vector, r->error, r->cr2, error);
}

void expect_fault_read(uint64_t va, uint32_t error)
{
    struct trap_report r = { 0 };

    check_fault("read", probe_read(va, NULL, &r), &r, va, error);
}

void expect_fault_write(uint64_t va, uint64_t value, uint32_t error)
{
    struct trap_report r = { 0 };

    check_fault("write", probe_write(va, value, &r), &r, va, error);
}

void expect_fault_exec(uint64_t va, uint32_t error)
{
    struct trap_report r = { 0 };

    check_fault("fetch", probe_exec(va, &r), &r, va, error);
}

struct trap_report expect_trap(void (*fn)(void *arg), void *arg, unsigned int vector)
{
    struct trap_report r = { 0 };

    if (!trap_catch(fn, arg, &r))
        scenario_fail("no trap, expected vector %u", vector);
    if (r.vector != vector)
        scenario_fail("vector %u error %x cr2 %lx, expected vector %u", r.vector, r.error, r.cr2,
                      vector);
    return r;
}

void expect_ticks(uint64_t seen, uint64_t more)
{
    uint64_t start = clock_ns();

    while (clock_ticks() - seen < more && clock_ns() - start < TICKS_NS)
        ;
    if (clock_ticks() - seen < more)
        scenario_fail("%lu of %lu timer interrupts", clock_ticks() - seen, more);
}

void expect_killed(const struct process *p, uint64_t cr2, uint32_t error)
{
    if (!p->killed)
        scenario_fail("the process ended with status %d, expected a fault", p->status);
    check_fault("access of the process", true, &p->fault, cr2, error);
}
