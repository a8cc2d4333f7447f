/*
 * SPDX-License-Identifier: MIT
 *
 * death-kernel-stack: the kernel stack for entries from user mode is no stack.
 *
 * Background: stack_switch takes any number; it is used at the next entry from user mode.
 *
 * Steps: a user page with ud2, an address space for it, stack_switch to a non-canonical address, iret
 * to the page.
 *
 * Expected: stack_switch succeeds; user mode's exception ends the domain.
 *
 * Dies: domain_crash_sync called from entry.S: fault at
 */
#include "scenario.h"

#define CODE_VA 0x40000000UL

SCENARIO_FLAGS(death_kernel_stack, "death-kernel-stack",
               "an exception of user mode with a non-canonical kernel stack", SCENARIO_ALONE)
{
    struct trap_frame frame = {
        .cs = FLAT_USER_CS,
        .rip = CODE_VA,
        .rflags = 0x202,
        .rsp = CODE_VA,
        .ss = FLAT_USER_SS,
    };
    int error;
    struct aspace *as = aspace_create(true, &error);

    REQUIRE(as && region_add(as, CODE_VA, CODE_VA + PAGE_SIZE,
                             REGION_R | REGION_W | REGION_X | REGION_USER, &region_anon));
    thread_set_aspace(as);
    *(volatile uint16_t *)CODE_VA = 0x0b0f; /* ud2 */
    guest_vcpu_info()->evtchn_upcall_mask = 1;
    REQUIRE(hypercall_stack_switch(FLAT_KERNEL_SS, 0x0000900000000000) == 0);
    __asm__ volatile("fxsave64 %0" : "=m"(frame.fpu));
    frame.rflags = 2; /* IF 0: events stay masked */
    trap_return(&frame);
}
