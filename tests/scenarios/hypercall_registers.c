/*
 * SPDX-License-Identifier: MIT
 *
 * hypercall-registers: which registers a hypercall leaves alone.
 *
 * Background: a hypercall may destroy RCX, R11 and the registers of its own arguments: RDI and RSI, when
 * it has two. Kernels keep values in all the others, R9 included: Mini-OS and its descendants tell the
 * compiler of no more than the arguments, and GRUB counts the tables that it remaps in R8.
 *
 * Steps: carry out hypercalls by all ways through the hypervisor: one that does nothing, an unknown
 * number, a refused one, one with a batch, one that ends in an upcall, a yield, a multicall; with known
 * values in the registers behind the arguments, in R9, RBX and R12 to R15.
 *
 * Expected: the values are there afterwards.
 */
#include "scenario.h"

#include "events.h"

extern char hypercall_page[];

#define KEPT(n) (0x123456789abcde00UL + (n))

/* A hypercall with count arguments; in the registers of the others are known values. */
static long call(unsigned int number, unsigned int count, uint64_t a1, uint64_t a2, uint64_t a3,
                 uint64_t a4)
{
    uint64_t result = (uint64_t)hypercall_page + number * 32UL;
    uint64_t rdi = count > 0 ? a1 : KEPT(7), rsi = count > 1 ? a2 : KEPT(6);
    uint64_t rdx = count > 2 ? a3 : KEPT(2);
    register uint64_t r10 __asm__("r10") = count > 3 ? a4 : KEPT(10);
    register uint64_t r8 __asm__("r8") = KEPT(8);
    register uint64_t r9 __asm__("r9") = KEPT(9);
    register uint64_t r12 __asm__("r12") = KEPT(12);
    register uint64_t r13 __asm__("r13") = KEPT(13);
    register uint64_t r14 __asm__("r14") = KEPT(14);
    register uint64_t r15 __asm__("r15") = KEPT(15);
    uint64_t rbx = KEPT(3);

    __asm__ volatile("call *%%rax"
                     : "+a"(result), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9),
                       "+b"(rbx), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)
                     :
                     : "memory", "cc", "rcx", "r11");
    /* Copied before any check: a check makes calls. */
    uint64_t seen[] = { rdi, rsi, rdx, r10, r8, r9, rbx, r12, r13, r14, r15 };
    static const uint64_t want[] = { KEPT(7), KEPT(6),  KEPT(2),  KEPT(10), KEPT(8), KEPT(9),
                                     KEPT(3), KEPT(12), KEPT(13), KEPT(14), KEPT(15) };

    for (unsigned int i = count; i < sizeof(want) / sizeof(want[0]); i++)
        if (seen[i] != want[i])
            scenario_fail("hypercall %u: register %u is %lx, was %lx", number, i, seen[i], want[i]);
    return (long)result;
}

static volatile unsigned int arrived;

static void event_arrived(evtchn_port_t port)
{
    (void)port;
    arrived++;
}

static void event_by_hypercall(void)
{
    struct evtchn_bind_ipi bind = { .vcpu = 0 };

    REQUIRE(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind) == 0);
    struct evtchn_send send = { .port = bind.port };
    struct evtchn_close close = { .port = bind.port };

    REQUIRE(event_bind(bind.port, event_arrived) == 0);
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, 2, EVTCHNOP_send, (uint64_t)&send, 0, 0), 0);
    EXPECT_EQ(arrived, 1);
    (void)hypercall_event_channel_op(EVTCHNOP_close, &close);
}

SCENARIO(hypercall_registers, "hypercall-registers", "what is no argument survives a hypercall")
{
    mmuext_op_t flush[2] = { { .cmd = MMUEXT_TLB_FLUSH_LOCAL }, { .cmd = MMUEXT_TLB_FLUSH_LOCAL } };
    multicall_entry_t entries[2] = { { .op = __HYPERVISOR_xen_version, .args = { 0, 0 } },
                                     { .op = __HYPERVISOR_sched_op,
                                       .args = { SCHEDOP_yield, 0 } } };

    EXPECT(call(__HYPERVISOR_xen_version, 2, XENVER_version, 0, 0, 0) > 0);
    EXPECT(call(__HYPERVISOR_xen_version, 2, XENVER_pagesize, 0, 0, 0) > 0);
    EXPECT_EQ(call(50, 0, 0, 0, 0, 0), -XEN_ENOSYS);
    EXPECT_EQ(call(__HYPERVISOR_update_va_mapping, 3, HV_VA_START, 0, 0, 0), -XEN_EINVAL);
    EXPECT_EQ(call(__HYPERVISOR_mmuext_op, 4, (uint64_t)flush, 2, 0, DOMID_SELF), 0);
    EXPECT_EQ(call(__HYPERVISOR_sched_op, 2, SCHEDOP_yield, 0, 0, 0), 0);
    EXPECT_EQ(call(__HYPERVISOR_fpu_taskswitch, 1, 0, 0, 0, 0), 0);
    EXPECT_EQ(call(__HYPERVISOR_multicall, 2, (uint64_t)entries, 2, 0, 0), 0);
    event_by_hypercall();
}
