/*
 * SPDX-License-Identifier: MIT
 *
 * stack-guard: a stack grows page by page, down to a page that refuses.
 *
 * Background: a process's stack is a region of zero-filled pages: touching the next page below is all
 * it takes to grow.  A guard page lies under it.  Kernel stacks are mapped in full, above a guard page
 * that never gets an entry: the hypervisor could not push a frame for a fault on the stack itself.
 *
 * Steps: a program that uses little stack; one that recurses for ever; a write just below the running
 * kernel thread's stack.
 *
 * Expected: few pages resident for the first; all of the stack for the second, then death by a fault
 * in the guard page with error code U or U|W; the kernel's write faults with error code W.
 */
#include "scenario.h"

#include "ramdisk.h"

static uint64_t stack_pages(const struct process *p)
{
    struct region *stack = region_find(p->aspace->regions, USER_STACK_TOP - 1);

    return stack ? stack->resident : 0;
}

SCENARIO(stack_guard, "stack-guard", "a user stack grows by faults, down to its guard page")
{
    static const char *const little[] = { "access", "r", "stack", NULL };
    uint64_t guard = USER_STACK_TOP - USER_STACK_BYTES - PAGE_SIZE;
    int error;

    if (!ramdisk_find("deep") || !ramdisk_find("access"))
        scenario_skip("no deep and access in the ramdisk");
    struct process *p = process_create("access", little, &error);
    REQUIRE(p);
    process_join(p);
    uint64_t few = stack_pages(p);
    EXPECT(!p->killed && few >= 1 && few <= 4);
    process_free(p);

    p = process_create("deep", NULL, &error);
    REQUIRE(p);
    process_join(p);
    EXPECT(p->killed);
    EXPECT_EQ(p->fault.vector, TRAP_PF);
    EXPECT_EQ(page_floor(p->fault.cr2), guard);
    EXPECT_EQ(p->fault.error & ~PFEC_W, PFEC_U);
    EXPECT_EQ(stack_pages(p), USER_STACK_BYTES / PAGE_SIZE);
    EXPECT(!(pt_walk(aspace_root(p->aspace), guard).entry[1] & PTE_P));
    process_free(p);
    scenario_reason("%lu pages, and %lu before the guard page", few, USER_STACK_BYTES / PAGE_SIZE);
}

static struct {
    uint64_t bottom;
    bool guarded[2];
    struct trap_report report[2];
} found;

/* Checks are the main thread's: a verdict ends the scenario on its stack. */
static void look_below_stack(void *arg)
{
    (void)arg;
    found.bottom = thread_current->stack_top - THREAD_STACK_PAGES * PAGE_SIZE;
    found.guarded[0] = probe_write(found.bottom - 8, 1, &found.report[0]);
    found.guarded[1] = probe_write(found.bottom - PAGE_SIZE, 1, &found.report[1]);
    *(volatile uint64_t *)found.bottom = 1;
}

SCENARIO(stack_guard_kernel, "stack-kernel-guard", "below a kernel stack nothing is mapped")
{
    struct thread *t = thread_create("stack", look_below_stack, NULL);

    REQUIRE(t);
    thread_join(t);
    for (int i = 0; i < 2; i++) {
        EXPECT(found.guarded[i]);
        EXPECT_EQ(found.report[i].vector, TRAP_PF);
        EXPECT_EQ(found.report[i].error, PFEC_W);
        EXPECT_EQ(found.report[i].cr2, found.bottom - (i ? PAGE_SIZE : 8));
    }
}
