/*
 * SPDX-License-Identifier: MIT
 *
 * death-iret-frame, death-iret-frame-hv: the iret hypercall on a stack that cannot be read, or must not
 * be: a good frame at the hypervisor's own address of the page it lies in.
 *
 * Background: iret takes its frame from the guest's stack.  There is no error to return: the caller
 * asked not to be returned to.
 *
 * Steps: RSP to an address without tables, or into the hypervisor's direct map; iret.
 *
 * Expected: the domain dies, and says why.
 *
 * Dies: Fault while reading IRET context from guest stack
 */
#include "scenario.h"

#include "mm/p2m.h"

static void iret_on(uint64_t rsp)
{
    guest_vcpu_info()->evtchn_upcall_mask = 1;
    __asm__ volatile("mov %0, %%rsp; mov %1, %%eax; syscall"
                     :
                     : "r"(rsp), "i"(__HYPERVISOR_iret)
                     : "memory");
    __builtin_unreachable();
}

SCENARIO_FLAGS(death_iret_frame, "death-iret-frame", "iret with a frame that cannot be read",
               SCENARIO_ALONE)
{
    iret_on(scenario_va() + PAGE_SIZE);
}

/* Where the frame of a careless hypervisor leads: the domain lives on, and says so. */
static void survived(void)
{
    scenario_fail("the frame was read");
}

SCENARIO_FLAGS(death_iret_frame_hv, "death-iret-frame-hv",
               "iret with a frame in the hypervisor's range", SCENARIO_ALONE)
{
    pfn_t page = scenario_page();

    *(struct iret_context *)page_va(page) = (struct iret_context){
        .rip = (uint64_t)survived,
        .cs = FLAT_KERNEL_CS & ~3U,
        .rflags = 2,
        .rsp = (uint64_t)__builtin_frame_address(0) - PAGE_SIZE - 8,
        .ss = FLAT_KERNEL_SS,
    };
    iret_on(0xffff830000000000 + mfn_to_ma(p2m(page)));
}
