/*
 * SPDX-License-Identifier: MIT
 *
 * death-iret-frame: the iret hypercall on a stack that cannot be read.
 *
 * Background: iret takes its frame from the guest's stack.  There is no error to return: the caller
 * asked not to be returned to.
 *
 * Steps: RSP to an address without tables; iret.
 *
 * Expected: the domain dies, and says why.
 *
 * Dies: Fault while reading IRET context from guest stack
 */
#include "scenario.h"

SCENARIO_FLAGS(death_iret_frame, "death-iret-frame", "iret with a frame that cannot be read",
               SCENARIO_ALONE)
{
    guest_vcpu_info()->evtchn_upcall_mask = 1;
    __asm__ volatile("mov %0, %%rsp; mov %1, %%eax; syscall"
                     :
                     : "r"(scenario_va() + PAGE_SIZE), "i"(__HYPERVISOR_iret)
                     : "memory");
    __builtin_unreachable();
}
