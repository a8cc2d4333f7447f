/*
 * SPDX-License-Identifier: MIT
 *
 * death-no-handler: an exception that the trap table has nothing for.
 *
 * Background: an entry with address 0 is no handler.  On a bare machine the processor would end up in
 * a triple fault.
 *
 * Steps: the trap table is cleared (NULL); ud2.
 *
 * Expected: the domain dies; vector and name are logged.
 *
 * Dies: Unhandled: vec 6, #UD
 */
#include "scenario.h"

SCENARIO_FLAGS(death_no_handler, "death-no-handler", "an exception without a handler",
               SCENARIO_ALONE)
{
    guest_vcpu_info()->evtchn_upcall_mask = 1;
    REQUIRE(hypercall_set_trap_table(NULL) == 0);
    __asm__ volatile("ud2");
}
