/*
 * SPDX-License-Identifier: MIT
 *
 * death-kernel-stack, death-kernel-stack-hv, -fault, -fault-hv, -syscall, -syscall-hv: the stack for entries
 * from user mode is no stack, or the hypervisor's memory.
 *
 * Background: stack_switch takes any number; it is used at the next entry from user mode.
 *
 * Steps: a user page with ud2, a load from nowhere or syscall, an address space for it, stack_switch to a
 * non-canonical address, to nowhere, or into the hypervisor's direct map; iret to the page.
 *
 * Expected: stack_switch succeeds; user mode's entry into its kernel ends the domain.
 *
 * Dies: domain_crash_sync called from entry.S: fault at
 */
#include "scenario.h"

#include "mm/p2m.h"

#define CODE_VA    0x40000000UL
#define NOWHERE_VA 0xffffc00000000000UL
#define UD2        0x0b0fUL
#define LOAD       0x2504b60fUL /* movzbl 0, %eax */
#define SYSCALL    0x050fUL

static void user_enters_with(uint64_t code, uint64_t kernel_sp)
{
    struct trap_frame frame = {
        .cs = FLAT_USER_CS,
        .rip = CODE_VA,
        .rflags = 2, /* IF 0: events stay masked */
        .rsp = CODE_VA,
        .ss = FLAT_USER_SS,
    };
    int error;
    struct aspace *as = aspace_create(true, &error);

    REQUIRE(as && region_add(as, CODE_VA, CODE_VA + PAGE_SIZE,
                             REGION_R | REGION_W | REGION_X | REGION_USER, &region_anon));
    thread_set_aspace(as);
    *(volatile uint64_t *)CODE_VA = code;
    guest_vcpu_info()->evtchn_upcall_mask = 1;
    REQUIRE(hypercall_stack_switch(FLAT_KERNEL_SS, kernel_sp) == 0);
    __asm__ volatile("fxsave64 %0" : "=m"(frame.fpu));
    trap_return(&frame);
}

static uint64_t hypervisor_sp(void)
{
    return 0xffff830000000000 + mfn_to_ma(p2m(scenario_page())) + PAGE_SIZE / 2;
}

SCENARIO_FLAGS(death_kernel_stack, "death-kernel-stack",
               "an exception of user mode with a non-canonical kernel stack", SCENARIO_ALONE)
{
    user_enters_with(UD2, 0x0000900000000000);
}

SCENARIO_FLAGS(death_kernel_stack_hv, "death-kernel-stack-hv",
               "an exception of user mode with the kernel stack in the hypervisor's range",
               SCENARIO_ALONE)
{
    user_enters_with(UD2, hypervisor_sp());
}

SCENARIO_FLAGS(death_kernel_stack_fault, "death-kernel-stack-fault",
               "a page fault of user mode with no kernel stack", SCENARIO_ALONE)
{
    user_enters_with(LOAD, NOWHERE_VA);
}

SCENARIO_FLAGS(death_kernel_stack_fault_hv, "death-kernel-stack-fault-hv",
               "a page fault of user mode with the kernel stack in the hypervisor's range",
               SCENARIO_ALONE)
{
    user_enters_with(LOAD, hypervisor_sp());
}

SCENARIO_FLAGS(death_kernel_stack_syscall, "death-kernel-stack-syscall",
               "a system call with no kernel stack", SCENARIO_ALONE)
{
    user_enters_with(SYSCALL, NOWHERE_VA);
}

SCENARIO_FLAGS(death_kernel_stack_syscall_hv, "death-kernel-stack-syscall-hv",
               "a system call with the kernel stack in the hypervisor's range", SCENARIO_ALONE)
{
    user_enters_with(SYSCALL, hypervisor_sp());
}
