/*
 * SPDX-License-Identifier: MIT
 *
 * death-stack, death-stack-unmapped: no frame can be pushed for an exception.
 *
 * Background: an exception of the guest kernel is pushed on the stack it runs on, with its present
 * RSP.  A guest can point RSP anywhere, also at the hypervisor's own memory, which the hypervisor
 * itself could well write to.
 *
 * Steps: RSP into the hypervisor's range (its direct map), or to an address without tables; then ud2.
 *
 * Expected: the domain dies; the hypervisor's memory is not written, and it lives on to say so.
 *
 * Dies: domain_crash_sync called from entry.S: fault at
 */
#include "scenario.h"

#include "mm/p2m.h"

static void undefined_instruction_on(uint64_t rsp)
{
    guest_vcpu_info()->evtchn_upcall_mask = 1; /* no event comes first */
    __asm__ volatile("mov %0, %%rsp; ud2" : : "r"(rsp) : "memory");
    __builtin_unreachable();
}

SCENARIO_FLAGS(death_stack, "death-stack", "an exception with the stack in the hypervisor's range",
               SCENARIO_ALONE)
{
    /* Its own page, at the hypervisor's address: memory that a careless push would reach. */
    uint64_t page = 0xffff830000000000 + mfn_to_ma(p2m(scenario_page()));

    undefined_instruction_on(page + PAGE_SIZE / 2);
}

SCENARIO_FLAGS(death_stack_unmapped, "death-stack-unmapped",
               "an exception with the stack where nothing is mapped", SCENARIO_ALONE)
{
    undefined_instruction_on(scenario_va() + PAGE_SIZE);
}
