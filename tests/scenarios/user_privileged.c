/*
 * SPDX-License-Identifier: MIT
 *
 * user-privileged: privileged instructions of an application.
 *
 * Background: guest kernel and application both run in ring 3, so the CPU refuses the same
 * instructions to both. The hypervisor emulates them for the kernel only: what an application tries
 * is the kernel's #GP, as on a bare machine. I/O instructions depend on IOPL and the I/O bitmap.
 *
 * Steps: `privileged NAME` executes one instruction; its death or its status is looked at. Then with
 * IOPL 1 (the kernel's), 3 (everybody's), and with a bitmap in kernel memory.
 *
 * Expected: #GP with error code 0 for each; INT n by the trap table's DPL; the forced-emulation
 * prefix works for everybody.
 */
#include "io_rights.h"

#include "ramdisk.h"

static struct process run(const char *name)
{
    const char *argv[] = { "privileged", name, NULL };
    struct process p;

    REQUIRE(process_run("privileged", argv, &p) == 0);
    if (!p.killed && p.status)
        scenario_error("privileged %s: status %d", name, p.status);
    return p;
}

static void killed(const char *name, unsigned int vector, uint32_t error)
{
    struct process p = run(name);

    if (!p.killed)
        scenario_fail("%s was carried out", name);
    if (p.fault.vector != vector || p.fault.error != error)
        scenario_fail("%s: vector %u error %x, not vector %u error %x", name, p.fault.vector,
                      p.fault.error, vector, error);
}

static void lives(const char *name)
{
    struct process p = run(name);

    if (p.killed)
        scenario_fail("%s: vector %u error %x cr2 %lx", name, p.fault.vector, p.fault.error,
                      p.fault.cr2);
}

SCENARIO(user_privileged, "user-privileged",
         "user mode: privileged instructions are the kernel's #GP")
{
    static const char *const names[] = {
        "in",        "out",   "hlt",    "cli",      "sti",       "clts",
        "wbinvd",    "rdmsr", "wrmsr",  "read-cr0", "write-cr3", "read-dr7",
        "write-dr7", "lgdt",  "invlpg", "swapgs",   "sysret",
    };
    static const char *const by_iopl[] = { "in", "out", "cli", "sti" };
    static uint8_t bitmap[8];

    if (!ramdisk_find("privileged"))
        scenario_skip("no privileged in the ramdisk");
    for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        killed(names[i], TRAP_GP, 0);
    killed("int-0", TRAP_GP, 2);
    killed("int-3", TRAP_BP, 0);
    killed("int-80", TRAP_GP, 0x80 * 8 + 2);
    lives("forced-cpuid");

    iopl_set(1);
    for (unsigned int i = 0; i < 4; i++)
        killed(by_iopl[i], TRAP_GP, 0);
    iopl_set(3);
    for (unsigned int i = 0; i < 4; i++)
        lives(by_iopl[i]);
    killed("hlt", TRAP_GP, 0);
    iopl_set(0);

    /* The bitmap lies in kernel memory, which the application's tables do not map. */
    bitmap_set(bitmap, 64);
    lives("in");
    killed("cli", TRAP_GP, 0);
    bitmap[0x21 / 8] = 1U << 0x21 % 8;
    killed("in", TRAP_GP, 0);
    bitmap_set(bitmap, 0);
}
