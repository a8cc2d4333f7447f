/*
 * SPDX-License-Identifier: MIT
 *
 * hypercall-registers: which registers a hypercall leaves alone.
 *
 * Background: a hypercall may destroy RCX, R11 and the five registers of arguments, RDI, RSI, RDX, R10
 * and R8, whether it has that many or not. Kernels keep values in all the others, R9 included.
 *
 * Steps: carry out hypercalls by all ways through the hypervisor: one that does nothing, an unknown
 * number, a refused one, one with a batch, one that ends in an upcall, a yield, a multicall; with known
 * values in R9, RBX and R12 to R15.
 *
 * Expected: the values are there afterwards.
 */
#include "scenario.h"

#include "events.h"

extern char hypercall_page[];

#define KEPT(n) (0x123456789abcde00UL + (n))

static long call(unsigned int number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    uint64_t result = (uint64_t)hypercall_page + number * 32UL;
    register uint64_t r10 __asm__("r10") = a4;
    register uint64_t r9 __asm__("r9") = KEPT(9);
    register uint64_t r12 __asm__("r12") = KEPT(12);
    register uint64_t r13 __asm__("r13") = KEPT(13);
    register uint64_t r14 __asm__("r14") = KEPT(14);
    register uint64_t r15 __asm__("r15") = KEPT(15);
    uint64_t rbx = KEPT(3);

    __asm__ volatile("call *%%rax"
                     : "+a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r9), "+b"(rbx),
                       "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)
                     :
                     : "memory", "cc", "rcx", "r8", "r11");
    /* Copied before any check: a check makes calls. */
    uint64_t seen[] = { r9, rbx, r12, r13, r14, r15 };
    static const uint64_t want[] = { KEPT(9), KEPT(3), KEPT(12), KEPT(13), KEPT(14), KEPT(15) };

    for (unsigned int i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        EXPECT_EQ(seen[i], want[i]);
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
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uint64_t)&send, 0, 0), 0);
    EXPECT_EQ(arrived, 1);
    (void)hypercall_event_channel_op(EVTCHNOP_close, &close);
}

SCENARIO(hypercall_registers, "hypercall-registers", "R9 and what C keeps survive a hypercall")
{
    mmuext_op_t flush[2] = { { .cmd = MMUEXT_TLB_FLUSH_LOCAL }, { .cmd = MMUEXT_TLB_FLUSH_LOCAL } };
    multicall_entry_t entries[2] = { { .op = __HYPERVISOR_xen_version, .args = { 0, 0 } },
                                     { .op = __HYPERVISOR_sched_op,
                                       .args = { SCHEDOP_yield, 0 } } };

    EXPECT(call(__HYPERVISOR_xen_version, XENVER_version, 0, 0, 0) > 0);
    EXPECT_EQ(call(50, 0, 0, 0, 0), -XEN_ENOSYS);
    EXPECT_EQ(call(__HYPERVISOR_update_va_mapping, HV_VA_START, 0, 0, 0), -XEN_EINVAL);
    EXPECT_EQ(call(__HYPERVISOR_mmuext_op, (uint64_t)flush, 2, 0, DOMID_SELF), 0);
    EXPECT_EQ(call(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0), 0);
    EXPECT_EQ(call(__HYPERVISOR_multicall, (uint64_t)entries, 2, 0, 0), 0);
    event_by_hypercall();
}
