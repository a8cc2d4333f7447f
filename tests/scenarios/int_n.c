/*
 * SPDX-License-Identifier: MIT
 *
 * INT n in the guest kernel.
 *
 * Background: most gates are not for ring 3, so the CPU raises #GP with the vector in its error code;
 * the guest's trap table says who may use the vector.
 *
 * Steps: a vector without and with the right, one with a gate of its own, the one of old system calls.
 *
 * Expected: the guest's #GP with that error code, or the vector, its RIP behind the instruction.
 */
#include "scenario.h"

#define TRAP_DE 0

extern const uint64_t trap_stubs[];
extern const char int_0_insn[];

static void int_0(void *arg)
{
    (void)arg;
    __asm__ volatile(".globl int_0_insn; int_0_insn: int $0");
}

static void int_3(void *arg)
{
    (void)arg;
    __asm__ volatile(".byte 0xcd, 3");
}

static void int_80(void *arg)
{
    (void)arg;
    __asm__ volatile("int $0x80");
}

static void trap_0_dpl(unsigned int dpl)
{
    struct trap_info table[2] = { { 0, (uint8_t)(TRAP_DPL(dpl) | TRAP_MASK_EVENTS), FLAT_KERNEL_CS,
                                    trap_stubs[0] } };

    REQUIRE(hypercall_set_trap_table(table) == 0);
}

/*
 * INT n goes to the guest's vector when its entry's DPL allows: from the kernel at least 1. Vector 0 is
 * tried because QEMU 7.2 reports a wrong vector in the #GP of others, which real Xen believes.
 */
SCENARIO(int_n, "int-n", "INT n by the DPL of the trap table")
{
    struct trap_report r = expect_trap(int_0, NULL, TRAP_GP);

    EXPECT_EQ(r.error, 2);
    EXPECT_EQ(r.rip, (uint64_t)int_0_insn);
    trap_0_dpl(1);
    r = expect_trap(int_0, NULL, TRAP_DE);
    EXPECT_EQ(r.error, 0);
    EXPECT_EQ(r.rip, (uint64_t)int_0_insn + 2);
    trap_0_dpl(0);
    expect_trap(int_0, NULL, TRAP_GP);
    expect_trap(int_3, NULL, TRAP_BP); /* a gate of its own */
    EXPECT_EQ(expect_trap(int_80, NULL, TRAP_GP).error, 0x80 * 8 + 2);
}
