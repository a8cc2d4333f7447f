/* SPDX-License-Identifier: MIT */
/* Callbacks by the old request, periodic timers, and what a kernel probes for and lives without. */
#include "odd.h"

#define PERIOD_NS 5000000ul
#define TICKS     5u

extern char event_stub[], failsafe_stub[], syscall_stub[];

static long event_op(unsigned cmd, void *arg)
{
    return hypercall(__HYPERVISOR_event_channel_op, cmd, (uint64_t)arg, 0, 0);
}

static long vcpu_op(unsigned cmd, void *arg)
{
    return hypercall(__HYPERVISOR_vcpu_op, cmd, 0, (uint64_t)arg, 0);
}

uint32_t event_port_ipi(void)
{
    evtchn_bind_ipi_t bind = { .vcpu = 0 };

    MUST(event_op(EVTCHNOP_bind_ipi, &bind));
    return bind.port;
}

long event_send(uint32_t port)
{
    evtchn_send_t send = { .port = port };

    return event_op(EVTCHNOP_send, &send);
}

void event_unmask(uint32_t port)
{
    evtchn_unmask_t unmask = { .port = port };

    MUST(event_op(EVTCHNOP_unmask, &unmask));
}

static void upcalls(bool on)
{
    vcpu_info_t *v = &shared_info->vcpu_info[0];

    __atomic_store_n(&v->evtchn_upcall_mask, !on, __ATOMIC_SEQ_CST);
    if (on && v->evtchn_upcall_pending) /* what waited comes with the next hypercall */
        hypercall(__HYPERVISOR_xen_version, XENVER_version, 0, 0, 0);
}

void callbacks(void)
{
    uint32_t port;
    long rc;

    say("upcalls masked at first: %u", shared_info->vcpu_info[0].evtchn_upcall_mask);
    say("set_callbacks: %ld", hypercall(__HYPERVISOR_set_callbacks, (uint64_t)event_stub,
                                        (uint64_t)failsafe_stub, (uint64_t)syscall_stub, 0));
    port = event_port_ipi();
    event_unmask(port);
    rc = event_send(port);
    say("send to a masked vCPU: %ld, events %u", rc, events_seen);
    upcalls(true);
    say("unmasked: events %u", events_seen);
    rc = event_send(port);
    say("send again: %ld, events %u", rc, events_seen);
    upcalls(false);
}

/* A periodic timer ticks for a vCPU that runs; one that blocks sleeps on. */
static void ticks_wait(unsigned count)
{
    unsigned from = events_seen;

    upcalls(true);
    while (events_seen - from < count)
        __asm__ volatile("pause");
    upcalls(false);
}

void timers(void)
{
    evtchn_bind_virq_t bind = { .virq = VIRQ_TIMER };
    struct vcpu_set_periodic_timer period = { .period_ns = PERIOD_NS };
    struct sched_poll poll = { .nr_ports = 0 };

    MUST(event_op(EVTCHNOP_bind_virq, &bind));
    event_unmask(bind.port);
    ticks_wait(TICKS);
    say("the timer ticks unasked");
    say("periodic timer: %ld", vcpu_op(VCPUOP_set_periodic_timer, &period));
    ticks_wait(TICKS);
    say("it ticks");
    say("periodic timer stopped: %ld", vcpu_op(VCPUOP_stop_periodic_timer, 0));
    poll.timeout = 1; /* long past: only lets what is on its way arrive */
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (uint64_t)&poll, 0, 0);
    upcalls(true); /* a tick since the last one is not to be taken for what comes next */
    upcalls(false);
    period.period_ns = 999999;
    say("period below 1 ms: %ld", vcpu_op(VCPUOP_set_periodic_timer, &period));
    period.period_ns = ~0ul;
    say("period beyond all time: %ld", vcpu_op(VCPUOP_set_periodic_timer, &period));
    say("set_timer_op: %ld", hypercall(__HYPERVISOR_set_timer_op, 1, 0, 0, 0));
    ticks_wait(1);
    say("it came");
}

/* FIFO events last: where they are granted, the two-level bits are no longer served. */
void probes(void)
{
    static char control[PAGE_SIZE] __attribute__((aligned(4096)));
    evtchn_init_control_t init = { .control_gfn = mfn_of_va(control).n };
    evtchn_set_priority_t priority = { .port = event_port_ipi(), .priority = 3 };
    evtchn_expand_array_t array = { .array_gfn = mfn_of_va(control).n };
    uint32_t port = priority.port;
    unsigned from = events_seen;
    long rc;

    event_unmask(port);
    say("array without FIFO events: %ld", event_op(EVTCHNOP_expand_array, &array));
    say("priority without FIFO events: %ld", event_op(EVTCHNOP_set_priority, &priority));
    say("FIFO events: %ld", event_op(EVTCHNOP_init_control, &init));
    upcalls(true);
    rc = event_send(port);
    say("send: %ld, two-level events %u", rc, events_seen - from);
    upcalls(false);
}
