/*
 * SPDX-License-Identifier: MIT
 *
 * death-user-without-root: to user mode without a user L4.
 *
 * Background: user mode runs on its own L4.  With none set there is nothing to run on, and the
 * kernel's L4 must not take its place: it would give user mode the kernel's memory.
 *
 * Steps: NEW_USER_BASEPTR with MFN 0; iret to a frame with CS of ring 3.
 *
 * Expected: the domain dies.
 *
 * Dies: Guest switching to user mode with no user page tables
 */
#include "scenario.h"

SCENARIO_FLAGS(death_user_without_root, "death-user-without-root", "to user mode without a user L4",
               SCENARIO_ALONE)
{
    struct trap_frame frame = {
        .cs = FLAT_USER_CS,
        .rip = (uint64_t)guest_shutdown,
        .rflags = 0x202,
        .rsp = USER_STACK_TOP,
        .ss = FLAT_USER_SS,
    };

    __asm__ volatile("fxsave64 %0" : "=m"(frame.fpu));
    REQUIRE(mmuext_one(MMUEXT_NEW_USER_BASEPTR, mfn_of(0)) == 0);
    trap_return(&frame);
}
