/*
 * SPDX-License-Identifier: MIT
 *
 * Debug registers, by hypercall and by MOV.
 *
 * Background: the CPU's debug registers are in force in ring 0 too, so no breakpoint of a guest's may lie
 * in the hypervisor's range, and bits that its own ring 0 would trap by are refused.
 *
 * Steps: each register with good values and bad ones, by both ways; a write to a watched word.
 *
 * Expected: what was written is read back, refusals change nothing, the breakpoint hits once.
 */
#include "scenario.h"

static volatile uint64_t watched;

static void watched_write(void *arg)
{
    (void)arg;
    watched = 1;
}

static void dr7_write(void *arg)
{
    __asm__ volatile("mov %0, %%dr7" : : "r"((uint64_t)arg));
}

static void dr4_write(void *arg)
{
    __asm__ volatile("mov %0, %%dr4" : : "r"((uint64_t)arg));
}

static void dr0_swap(void *arg)
{
    uint64_t *value = arg, old;

    __asm__ volatile("mov %%dr0, %0; mov %1, %%dr0" : "=&r"(old) : "r"(*value));
    *value = old;
}

SCENARIO(debug_registers, "debug-registers",
         "set_debugreg, get_debugreg, MOV DR; a breakpoint that hits")
{
    struct trap_report r = { 0 };
    uint64_t value = 0x1000;

    for (unsigned int reg = 0; reg < 4; reg++) {
        EXPECT_EQ(hypercall_set_debugreg(reg, 0x4000 + reg), 0);
        EXPECT_EQ(hypercall_get_debugreg(reg), 0x4000 + reg);
        EXPECT_EQ(hypercall_set_debugreg(reg, HV_VA_START), -XEN_EPERM);
        EXPECT_EQ(hypercall_set_debugreg(reg, HV_VA_END - 1), -XEN_EPERM);
        EXPECT_EQ(hypercall_set_debugreg(reg, USER_VA_END), -XEN_EPERM);
        EXPECT_EQ(hypercall_get_debugreg(reg), 0x4000 + reg);
    }
    EXPECT_EQ(hypercall_set_debugreg(8, 0), -XEN_ENODEV);
    EXPECT_EQ(hypercall_get_debugreg(8), -XEN_ENODEV);
    EXPECT_EQ(hypercall_set_debugreg(6, 1UL << 32), -XEN_EINVAL);
    EXPECT_EQ(hypercall_set_debugreg(7, 1UL << 32), -XEN_EINVAL);
    EXPECT_EQ(hypercall_set_debugreg(7, 1UL << 13), -XEN_EPERM); /* general detect */
    EXPECT_EQ(hypercall_set_debugreg(7, 0x20003), -XEN_EPERM);   /* I/O without CR4.DE */
    EXPECT_EQ(hypercall_set_debugreg(6, 0), 0);
    EXPECT_EQ(hypercall_get_debugreg(6), 0xffff0ff0);
    EXPECT_EQ(hypercall_get_debugreg(4), 0xffff0ff0); /* another name of it without CR4.DE */
    EXPECT_EQ(hypercall_set_debugreg(7, 0), 0);
    EXPECT_EQ(hypercall_get_debugreg(7), 0x400);

    EXPECT(!trap_catch(dr0_swap, &value, &r));
    EXPECT_EQ(value, 0x4000);
    EXPECT_EQ(hypercall_get_debugreg(0), 0x1000);
    value = HV_VA_START;
    EXPECT_EQ(expect_trap(dr0_swap, &value, TRAP_GP).error, 0);
    EXPECT_EQ(expect_trap(dr7_write, (void *)(1UL << 13), TRAP_GP).error, 0);
    EXPECT(!trap_catch(dr4_write, (void *)0, &r));

    /* Eight bytes, written: length 2, kind 1. */
    EXPECT_EQ(hypercall_set_debugreg(0, (uint64_t)&watched), 0);
    EXPECT_EQ(hypercall_set_debugreg(7, 1 | 1UL << 16 | 2UL << 18), 0);
    EXPECT(trap_catch(watched_write, NULL, &r));
    EXPECT_EQ(r.vector, TRAP_DB);
    EXPECT_EQ(hypercall_get_debugreg(6) & 0xf, 1);
    EXPECT_EQ(watched, 1);
    EXPECT_EQ(hypercall_set_debugreg(7, 0), 0);
    watched = 0;
    EXPECT(!trap_catch(watched_write, NULL, &r));
    for (unsigned int reg = 0; reg < 4; reg++)
        EXPECT_EQ(hypercall_set_debugreg(reg, 0), 0);
    EXPECT_EQ(hypercall_set_debugreg(6, 0), 0);
}
