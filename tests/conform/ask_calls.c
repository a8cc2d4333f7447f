/*
 * SPDX-License-Identifier: MIT
 *
 * ask_calls.c - every hypercall number, multicalls, and the errors of each hypercall's commands.
 * Nothing here blocks, shuts down or starts a vCPU.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "hypercall.h"
#include "traps.h"

#include <string.h>

static const uint64_t pointers[] = { 0, 0x10, 0x0000800000000000, HV_VA_START, 0xfffffffffffffff8 };
#define POINTERS (sizeof(pointers) / sizeof(pointers[0]))

static uint8_t zeros[8192] __attribute__((aligned(8)));

static void *clean(void)
{
    memset(zeros, 0, sizeof(zeros));
    return zeros;
}

/* A hypercall of any number, its arguments in a multicall's entry. */
static long call(unsigned int op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    multicall_entry_t entry = { .op = op, .args = { a1, a2, a3, a4 } };

    must(hypercall_multicall(&entry, 1), "multicall");
    return (long)entry.result;
}

/* The same by SYSCALL. */
static long call_directly(uint64_t op, uint64_t a1, uint64_t a2, uint64_t a3)
{
    register uint64_t r10 __asm__("r10") = 0;
    register uint64_t r8 __asm__("r8") = 0;
    long rc;

    __asm__ volatile("syscall"
                     : "=a"(rc), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                     : "a"(op)
                     : "rcx", "r11", "r9", "memory");
    return rc;
}

/* With arguments of zeros these would take the suite's own ground away. */
static bool changes_us(unsigned int op)
{
    return op == __HYPERVISOR_set_trap_table || op == __HYPERVISOR_stack_switch ||
           op == __HYPERVISOR_set_callbacks || op == __HYPERVISOR_iret ||
           op == __HYPERVISOR_fpu_taskswitch || op == __HYPERVISOR_set_timer_op ||
           op == __HYPERVISOR_set_segment_base;
}

static void numbers(void)
{
    static const uint64_t more[] = { 64,         127,        128,         255,         256, 0x10000,
                                     0x7fffffff, 0x80000000, 0x100000000, 0x100000011, ~0UL };

    for (unsigned int op = 0; op < 64; op++) {
        if (changes_us(op))
            continue;
        ask("call/number/%u", op);
        tell_rc(op == __HYPERVISOR_xen_version ? 0 : call_directly(op, 0, 0, 0));
        tell_rc(call_directly(op, ~0UL, ~0UL, ~0UL));
        tell_rc(op == __HYPERVISOR_xen_version ? 0 : call(op, 0, 0, 0, 0));
        told();
    }
    must(hypercall_set_gdt(&kinds[KIND_SEG].mfn.n, 512), "gdt back");
    for (unsigned int i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        ask("call/number/x%lx", more[i]);
        tell_rc(call_directly(more[i], 0, 0, 0));
        told();
    }
}

static void multicalls(void)
{
    static multicall_entry_t entries[4];

    for (unsigned int i = 0; i < POINTERS; i++)
        for (unsigned int count = 0; count < 2; count++) {
            ask("call/multicall/at-%lx/%u", pointers[i], count);
            tell_rc(hypercall_multicall((void *)pointers[i], count));
            told();
        }
    for (unsigned int i = 0; i < 4; i++) {
        static const uint64_t count[] = { 0x10000000, 0x7fffffff, 0x80000000, 0xffffffff };

        ask("call/multicall/count-%lx", count[i]);
        tell_rc(HYPERCALL_2(__HYPERVISOR_multicall, 0x10, count[i]));
        told();
    }
    memset(entries, 0, sizeof(entries));
    entries[0].op = __HYPERVISOR_multicall;
    entries[1].op = 99;
    entries[2].op = __HYPERVISOR_mmu_update;
    entries[2].args[3] = 1;
    entries[3].op = __HYPERVISOR_vm_assist;
    entries[3].args[0] = 7;
    ask("call/multicall/results");
    tell_rc(hypercall_multicall(entries, 4));
    for (unsigned int i = 0; i < 4; i++)
        tell_rc((long)entries[i].result);
    told();
}

/*
 * Calls that take long enough to be carried out in pieces, a bad handler in the last. The calls around
 * them are each carried out once, and have their own results.
 */
static void pieces(void)
{
    static struct trap_info table[601];
    static multicall_entry_t entries[3];

    for (unsigned int bad = 0; bad < 601; bad += 100) {
        for (unsigned int i = 0; i < 600; i++)
            table[i] = (struct trap_info){ .vector = 200, .cs = FLAT_KERNEL_CS, .address = 0x1000 };
        if (bad)
            table[bad - 1].address = 0x0000800000000000;
        memset(entries, 0, sizeof(entries));
        entries[0].op = 99;
        entries[1].op = __HYPERVISOR_set_trap_table;
        entries[1].args[0] = (uint64_t)table;
        entries[2].op = __HYPERVISOR_vm_assist;
        entries[2].args[0] = 7;
        ask("call/pieces/%u", bad);
        tell_rc(hypercall_set_trap_table(table));
        tell_rc(hypercall_multicall(entries, 3));
        for (unsigned int i = 0; i < 3; i++)
            tell_rc((long)entries[i].result);
        told();
    }
    must(hypercall_set_trap_table(NULL), "trap table");
    traps_init();
}

/* ---- one command after the other, with every pointer ---- */

static void commands(const char *name, unsigned int op, unsigned int count,
                     bool (*skip)(unsigned int cmd, bool zeros))
{
    for (unsigned int cmd = 0; cmd < count; cmd++) {
        for (unsigned int i = 0; i < POINTERS; i++) {
            if (skip && skip(cmd, false))
                continue;
            ask("call/%s/%u/at-%lx", name, cmd, pointers[i]);
            tell_rc(call_directly(op, cmd, pointers[i], 0));
            told();
        }
        if (skip && skip(cmd, true))
            continue;
        ask("call/%s/%u/zeros", name, cmd);
        tell_rc(call_directly(op, cmd, (uint64_t)clean(), 0));
        told();
    }
    ask("call/%s/unknown", name);
    tell_rc(call_directly(op, 0x7fffffff, 0, 0));
    tell_rc(call_directly(op, 0xffffffff, 0, 0));
    tell_rc(call_directly(op, 0x100000000, 0, 0));
    told();
}

static bool version_skip(unsigned int cmd, bool with_zeros)
{
    return with_zeros ? cmd == XENVER_build_id : cmd == XENVER_version;
}

static bool sched_skip(unsigned int cmd, bool with_zeros)
{
    /* Blocks; shuts down; waits for ever. */
    return cmd == SCHEDOP_block ||
           (with_zeros && (cmd == SCHEDOP_shutdown || cmd == SCHEDOP_poll ||
                           cmd == SCHEDOP_remote_shutdown || cmd == SCHEDOP_watchdog));
}

static bool physdev_skip(unsigned int cmd, bool with_zeros)
{
    (void)with_zeros;
    /* On Xen the others would reach the machine. */
    return !(cmd < 4 || cmd == PHYSDEVOP_set_iopl || cmd == PHYSDEVOP_set_iobitmap || cmd > 35);
}

static bool event_skip(unsigned int cmd, bool with_zeros)
{
    return with_zeros && cmd == EVTCHNOP_reset;
}

static void all_commands(void)
{
    commands("xen_version", __HYPERVISOR_xen_version, 12, version_skip);
    commands("sched_op", __HYPERVISOR_sched_op, 12, sched_skip);
    commands("physdev_op", __HYPERVISOR_physdev_op, 40, physdev_skip);
    commands("event_channel_op", __HYPERVISOR_event_channel_op, 16, event_skip);
    commands("callback_op", __HYPERVISOR_callback_op, 4, NULL);
    commands("nmi_op", __HYPERVISOR_nmi_op, 4, NULL);
    traps_init();
    for (unsigned int cmd = 0; cmd < 15; cmd++)
        for (unsigned int i = 0; i < POINTERS; i++)
            for (unsigned int count = 0; count < 2; count++) {
                ask("call/grant_table_op/%u/at-%lx/%u", cmd, pointers[i], count);
                tell_rc(call_directly(__HYPERVISOR_grant_table_op, cmd, pointers[i], count));
                told();
            }
    for (unsigned int cmd = 0; cmd < 4; cmd++)
        for (unsigned int i = 0; i < POINTERS; i++)
            for (unsigned int count = 0; count < 2; count++) {
                ask("call/console_io/%u/at-%lx/%u", cmd, pointers[i], count);
                tell_rc(call_directly(__HYPERVISOR_console_io, cmd, count, pointers[i]));
                told();
            }
    ask("call/console_io/too-much");
    tell_rc(hypercall_console_io(CONSOLEIO_read, 0x80000000, zeros));
    tell_rc(hypercall_console_io(CONSOLEIO_read, 0, zeros));
    told();
}

/* Operations for tool stacks: the version of the interface comes before privilege. */
static void interfaces(void)
{
    static const unsigned int ops[] = { __HYPERVISOR_platform_op, __HYPERVISOR_sysctl,
                                        __HYPERVISOR_domctl };
    static const uint32_t versions[] = {
        0, 1, 0x14, 0x15, 0x16, 0x03000000, 0x03000001, 0xffffffff
    };

    for (unsigned int op = 0; op < 3; op++)
        for (unsigned int i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
            uint32_t *request = clean();

            request[0] = 9999;
            request[1] = versions[i];
            request[2] = 0x7fef;
            ask("call/interface/%u/%x", ops[op], versions[i]);
            tell_rc(call_directly(ops[op], (uint64_t)request, 0, 0));
            told();
        }
}

/* Those that only take numbers. */
static void plain(void)
{
    static const uint64_t times[] = { 0, 1, 1UL << 50, 1UL << 62, 1UL << 63, ~0UL };

    for (unsigned int i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        ask("call/set_timer_op/%lx", times[i]);
        tell_rc(hypercall_set_timer_op(times[i]));
        tell_rc(hypercall_set_timer_op(0));
        told();
    }
    for (unsigned int reg = 0; reg < 18; reg++) {
        ask("call/get_debugreg/%u", reg);
        tell_rc(hypercall_get_debugreg(reg));
        told();
    }
}

void ask_calls(void)
{
    interfaces();
    plain();
    numbers();
    multicalls();
    pieces();
    all_commands();
}
