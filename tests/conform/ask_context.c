/*
 * SPDX-License-Identifier: MIT
 *
 * ask_context.c - VCPUOP_initialise with one thing wrong at a time; what a further vCPU answers before,
 * while it is down with a context, up, and down again.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"

#include <string.h>

#define VCPU 1U

static struct vcpu_guest_context context;
static uint8_t stack[4096] __attribute__((aligned(16)));
static volatile uint64_t rounds;

static void go_down(void)
{
    for (;;) {
        rounds++;
        (void)hypercall_vcpu_op(VCPUOP_down, VCPU, NULL);
    }
}

static void context_good(void)
{
    memset(&context, 0, sizeof(context));
    context.flags = VGCF_in_kernel;
    context.user_regs.rip = (uint64_t)go_down;
    context.user_regs.rsp = (uint64_t)stack + sizeof(stack) - 8;
    context.user_regs.rflags = 0x200;
    context.user_regs.cs = FLAT_KERNEL_CS;
    context.user_regs.ss = FLAT_KERNEL_SS;
    context.ctrlreg[3] = aspace_root(&kernel_aspace).n << PAGE_SHIFT;
}

static long op(unsigned int cmd, void *arg)
{
    return hypercall_vcpu_op(cmd, VCPU, arg);
}

/* Answers that depend on the state of the vCPU. */
static void states(const char *state)
{
    struct vcpu_runstate_info info;
    struct vcpu_set_periodic_timer period = { .period_ns = 1UL << 40 };
    struct vcpu_set_singleshot_timer single = { .timeout_abs_ns = 1 };
    struct evtchn_bind_ipi ipi = { .vcpu = VCPU };
    struct evtchn_bind_virq virq = { .virq = VIRQ_DEBUG, .vcpu = VCPU };

    ask("context/state/%s", state);
    tell_rc(op(VCPUOP_is_up, NULL));
    tell_rc(op(VCPUOP_get_runstate_info, &info));
    tell("state=%d", info.state);
    tell_rc(op(VCPUOP_set_periodic_timer, &period));
    tell_rc(op(VCPUOP_stop_periodic_timer, NULL));
    tell_rc(op(VCPUOP_set_singleshot_timer, &single));
    tell_rc(op(VCPUOP_stop_singleshot_timer, NULL));
    tell_rc(op(VCPUOP_initialise, &context));
    tell_rc(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi));
    tell_rc(hypercall_event_channel_op(EVTCHNOP_send, &(struct evtchn_send){ ipi.port }));
    tell_rc(hypercall_event_channel_op(EVTCHNOP_close, &(struct evtchn_close){ ipi.port }));
    tell_rc(hypercall_event_channel_op(EVTCHNOP_bind_virq, &virq));
    tell_rc(hypercall_event_channel_op(EVTCHNOP_close, &(struct evtchn_close){ virq.port }));
    told();
}

static void refused(const char *name, uint64_t *word, const uint64_t *values, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        uint64_t right = *word;

        ask("context/%s/%lx", name, values[i]);
        *word = values[i];
        tell_rc(op(VCPUOP_initialise, &context));
        *word = right;
        told();
    }
}

/* A frame of each kind in each place that takes one; a last thing that is wrong goes with good ones. */
static void frames(void)
{
    for (unsigned int kind = 0; kind < KINDS; kind++) {
        ask("context/frame/%s", kinds[kind].name);
        context.ctrlreg[1] = 1UL << 51;
        context.ctrlreg[3] = kinds[kind].mfn.n << PAGE_SHIFT;
        tell_rc(op(VCPUOP_initialise, &context));
        context_good();
        context.ctrlreg[1] = 1UL << 51;
        context.gdt_frames[0] = kinds[kind].mfn.n;
        context.gdt_ents = 1;
        tell_rc(op(VCPUOP_initialise, &context));
        context_good();
        told();
    }
}

#define REFUSED(name, word, ...)                              \
    refused(name, &(word), (const uint64_t[]){ __VA_ARGS__ }, \
            sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))
#define ADDRESSES 0x0000800000000000, 0x8000000000000000, 0xffff7fffffffffff

void ask_contexts(void)
{
    struct vcpu_register_vcpu_info info = { .mfn = kinds[KIND_RO].mfn.n, .offset = 4 };
    long rc;

    context_good();
    context.flags = 0; /* in user mode, without a root for it */
    states("absent");
    context_good();
    REFUSED("rip", context.user_regs.rip, ADDRESSES);
    REFUSED("rsp", context.user_regs.rsp, ADDRESSES);
    REFUSED("kernel_sp", context.kernel_sp, ADDRESSES);
    REFUSED("fs_base", context.fs_base, ADDRESSES);
    REFUSED("gs_base_kernel", context.gs_base_kernel, ADDRESSES);
    REFUSED("gs_base_user", context.gs_base_user, ADDRESSES);
    REFUSED("event", context.event_callback_eip, ADDRESSES);
    REFUSED("failsafe", context.failsafe_callback_eip, ADDRESSES);
    REFUSED("syscall", context.syscall_callback_eip, ADDRESSES);
    REFUSED("trap", context.trap_ctxt[200].address, ADDRESSES);
    REFUSED("ldt_base", context.ldt_base, ADDRESSES, 1, 0x1008, HV_VA_START, HV_VA_END - 4096);
    REFUSED("ldt_ents", context.ldt_ents, 8193, 1UL << 32, ~0UL);
    REFUSED("gdt_ents", context.gdt_ents, 1, 512, 7169, 1UL << 32 | 7169, ~0UL);
    REFUSED("root", context.ctrlreg[3], 0, 1, 1UL << 51, ~0UL);
    REFUSED("user_root", context.ctrlreg[1], 1, 1UL << 51, ~0UL);
    REFUSED("flags", context.flags, 0, VGCF_online);
    frames();
    ask("context/pointer");
    tell_rc(op(VCPUOP_initialise, NULL));
    tell_rc(op(VCPUOP_initialise, (void *)HV_VA_START));
    tell_rc(op(VCPUOP_initialise, (void *)0xfffffffffffff000));
    tell_rc(op(VCPUOP_up, NULL));
    told();

    context_good();
    context.ctrlreg[3] |= 0xfff; /* not part of a frame's number */
    context.ctrlreg[0] = context.ctrlreg[4] = context.ctrlreg[2] = ~0UL;
    context.ldt_base = 0x7000; /* of no entries */
    memset(context.debugreg, 0xff, sizeof(context.debugreg));
    context.gdt_frames[15] = ~0UL;
    ask("context/odd");
    tell_rc(op(VCPUOP_initialise, &context));
    told();
    states("initialised");
    ask("context/up");
    tell_rc(op(VCPUOP_register_vcpu_info, &info));
    rc = op(VCPUOP_up, NULL);
    tell_rc(rc);
    tell_rc(op(VCPUOP_up, NULL));
    while (!rc && (!rounds || op(VCPUOP_is_up, NULL)))
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
    tell_rc(op(VCPUOP_down, NULL));
    tell_rc(op(VCPUOP_send_nmi, NULL));
    told();
    states("down");
}
