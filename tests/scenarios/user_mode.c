/*
 * SPDX-License-Identifier: MIT
 *
 * user-mode: programs in ring 3, beside a kernel in ring 3.
 *
 * Background: guest user mode is a flag of the vCPU and an L4 of its own.  SYSCALL from it goes to the
 * guest's syscall callback, exceptions go to its trap table, on the kernel stack of stack_switch; the
 * way back is iret, which restores every register.
 *
 * Steps: `modes NAME` checks its registers around system calls and demand faults, or raises one
 * exception; the last one runs without a syscall callback.
 *
 * Expected: registers as SYSCALL and the fault leave them on a bare machine; each exception with its
 * vector, error code and the instruction's address; without a callback, #UD at the SYSCALL itself.
 */
#include "scenario.h"

#include "ramdisk.h"

extern const uint64_t trap_stubs[];

static struct process modes(const char *name)
{
    const char *const argv[] = { "modes", name, NULL };
    struct process p;

    if (!ramdisk_find("modes"))
        scenario_skip("no modes in the ramdisk");
    REQUIRE(process_run("modes", argv, &p) == 0);
    return p;
}

static void works(const char *name)
{
    struct process p = modes(name);

    if (p.killed)
        scenario_fail("%s: vector %u error %x cr2 %lx rip %lx", name, p.fault.vector, p.fault.error,
                      p.fault.cr2, p.fault.rip);
    if (p.status)
        scenario_fail("%s: check %d failed", name, p.status);
}

static void dies(const char *name, unsigned int vector, uint32_t error)
{
    struct process p = modes(name);

    if (!p.killed || p.fault.vector != vector || p.fault.error != error)
        scenario_fail("%s: killed %d vector %u error %x, not vector %u error %x", name, p.killed,
                      p.fault.vector, p.fault.error, vector, error);
    EXPECT(p.fault.rip >= 0x400000 && p.fault.rip < USER_VA_END);
}

SCENARIO(user_mode_registers, "user-mode-registers",
         "registers, flags and FPU around system calls and faults")
{
    works("segments");
    works("syscall");
    works("fault");
    works("fpu");
}

SCENARIO(user_mode_exceptions, "user-mode-exceptions",
         "each exception of a program, with vector and error code")
{
    dies("divide", 0, 0);
    dies("step", TRAP_DB, 0);
    dies("breakpoint", TRAP_BP, 0);
    dies("undefined", TRAP_UD, 0);
    dies("protection", TRAP_GP, 0);
    dies("segment", TRAP_GP, 0x18);
    dies("noncanonical", TRAP_GP, 0);
}

SCENARIO(user_mode_no_callback, "user-mode-no-callback",
         "SYSCALL without a callback: #UD at the instruction")
{
    REQUIRE(hypercall_set_callbacks(trap_stubs[TRAP_EVENT], trap_stubs[TRAP_FAILSAFE], 0) == 0);
    struct process p = modes("syscall");

    traps_init();
    EXPECT(p.killed);
    EXPECT_EQ(p.fault.vector, TRAP_UD);
    works("syscall"); /* and with it again */
}
