/*
 * SPDX-License-Identifier: MIT
 *
 * events-…: the event channels of a domain by itself.
 *
 * Background: a port is bound to a source (an IPI, a VIRQ, another port) or waits for its other end; an
 * event on it shows in shared_info and comes once, unless it is masked. There are 4095 ports.
 *
 * Expected: as listed in each scenario, the same on every hypervisor; all ports are given back.
 */
#include "port.h"
#include "request.h"

#include "events.h"

#include <string.h>

static evtchn_port_t seen_port;
static unsigned int seen_count;

static void seen(evtchn_port_t port)
{
    seen_port = port;
    seen_count++;
}

static evtchn_status_t evtchn_status(evtchn_port_t port)
{
    evtchn_status_t op = { .dom = DOMID_SELF, .port = port };

    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_status, &op), 0);
    return op;
}

SCENARIO(events_ipi, "events-ipi", "an event to ourselves arrives once; mask and unmask hold it")
{
    evtchn_bind_ipi_t ipi = { .vcpu = 0 }, absent = { .vcpu = 31 };
    evtchn_bind_vcpu_t move = { .vcpu = 0 };
    evtchn_unmask_t unmask;
    uint64_t *mask;

    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &absent), -XEN_ENOENT);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
    EXPECT(ipi.port > 0 && ipi.port < EVENT_PORTS);
    EXPECT_EQ(evtchn_status(ipi.port).status, EVTCHNSTAT_ipi);
    seen_count = 0;
    EXPECT_EQ(event_bind(ipi.port, seen), 0);
    EXPECT_EQ(port_send(ipi.port), 0);
    EXPECT_EQ(seen_count, 1);
    EXPECT_EQ(seen_port, ipi.port);
    mask = &shared_info_page.evtchn_mask[ipi.port / 64];
    *mask |= 1UL << ipi.port % 64;
    EXPECT_EQ(port_send(ipi.port), 0);
    EXPECT_EQ(seen_count, 1);
    EXPECT(shared_info_page.evtchn_pending[ipi.port / 64] >> ipi.port % 64 & 1);
    unmask.port = ipi.port;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_unmask, &unmask), 0);
    EXPECT_EQ(seen_count, 2);
    move.port = ipi.port;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &move), -XEN_EINVAL);
    EXPECT_EQ(port_close(ipi.port), 0);
    EXPECT_EQ(port_close(ipi.port), -XEN_EINVAL);
    EXPECT_EQ(port_send(ipi.port), -XEN_EINVAL);
}

SCENARIO(events_loop, "events-loopback",
         "two ends of a channel in one domain; a closed end unbinds")
{
    evtchn_alloc_unbound_t unbound = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    evtchn_bind_interdomain_t bind = { .remote_dom = DOMID_SELF };

    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &unbound), 0);
    EXPECT_EQ(evtchn_status(unbound.port).status, EVTCHNSTAT_unbound);
    EXPECT_EQ(port_send(unbound.port), 0); /* nobody there: lost without a word */
    bind.remote_port = unbound.port;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), 0);
    EXPECT(bind.local_port != unbound.port);
    EXPECT_EQ(evtchn_status(bind.local_port).status, EVTCHNSTAT_interdomain);
    EXPECT_EQ(evtchn_status(bind.local_port).u.interdomain.port, unbound.port);
    EXPECT_EQ(evtchn_status(unbound.port).u.interdomain.port, bind.local_port);
    EXPECT(shared_info_page.evtchn_pending[bind.local_port / 64] >> bind.local_port % 64 & 1);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), -XEN_EINVAL);
    seen_count = 0;
    EXPECT_EQ(event_bind(unbound.port, seen), 0);
    EXPECT_EQ(port_send(bind.local_port), 0);
    EXPECT_EQ(seen_count, 1);
    EXPECT_EQ(port_close(bind.local_port), 0);
    EXPECT_EQ(evtchn_status(unbound.port).status, EVTCHNSTAT_unbound);
    EXPECT_EQ(port_close(unbound.port), 0);
    EXPECT_EQ(evtchn_status(unbound.port).status, EVTCHNSTAT_closed);
}

SCENARIO(events_refused, "events-refused", "event_channel_op: the error of each bad argument")
{
    evtchn_bind_virq_t virq = { .virq = 24 };
    evtchn_alloc_unbound_t unbound = { .dom = 77, .remote_dom = DOMID_SELF };
    evtchn_bind_interdomain_t bind = { .remote_dom = 77, .remote_port = 1 };
    evtchn_bind_vcpu_t move = { .port = NO_PORT, .vcpu = 9 };
    evtchn_unmask_t unmask = { NO_PORT };
    evtchn_status_t status = { .dom = DOMID_SELF, .port = NO_PORT };
    evtchn_init_control_t control = { .control_gfn = ~0UL };
    evtchn_expand_array_t expand = { ~0UL };

    EXPECT_EQ(hypercall_event_channel_op(99, &virq), -XEN_ENOSYS);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_send, BAD_POINTER), -XEN_EFAULT);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_virq, &virq), -XEN_EINVAL);
    virq = (evtchn_bind_virq_t){ .virq = VIRQ_DEBUG, .vcpu = 31 };
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_virq, &virq), -XEN_ENOENT);
    virq = (evtchn_bind_virq_t){ .virq = VIRQ_ARCH_0, .vcpu = 1 };
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_virq, &virq), -XEN_EINVAL);
    virq = (evtchn_bind_virq_t){ .virq = VIRQ_TIMER };
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_virq, &virq), -XEN_EEXIST);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &unbound), -XEN_ESRCH);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), -XEN_ESRCH);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &move), -XEN_ENOENT);
    move.vcpu = 0;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &move), -XEN_EINVAL);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_unmask, &unmask), -XEN_EINVAL);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_status, &status), -XEN_EINVAL);
    status = (evtchn_status_t){ .dom = 77, .port = 1 };
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_status, &status), -XEN_ESRCH);
    EXPECT_EQ(port_close(0), -XEN_EINVAL);
    EXPECT_EQ(port_send(NO_PORT), -XEN_EINVAL);
    EXPECT_EQ(port_send(0x80000000u), -XEN_EINVAL);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_init_control, &control), -XEN_EINVAL);
    control.vcpu = 31;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_init_control, &control), -XEN_ENOENT);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_expand_array, &expand), -XEN_EOPNOTSUPP);
}

/* Takes every port there is: 4095 in all, then -ENOSPC; and gives them back. */
SCENARIO(events_exhaust, "events-exhaust", "all ports taken: -ENOSPC, and all can be taken again")
{
    static uint8_t ours[EVTCHN_2L_NR_CHANNELS];
    unsigned int first = 0;

    for (int round = 0; round < 2; round++) {
        unsigned int count = 0;
        long rc;

        memset(ours, 0, sizeof(ours));
        for (;;) {
            evtchn_alloc_unbound_t op = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };

            rc = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &op);
            if (rc)
                break;
            EXPECT(op.port > 0 && op.port < EVTCHN_2L_NR_CHANNELS && !ours[op.port]);
            ours[op.port] = 1;
            count++;
        }
        for (unsigned int port = 1; port < EVTCHN_2L_NR_CHANNELS; port++)
            if (ours[port])
                EXPECT_EQ(port_close(port), 0);
        EXPECT_EQ(rc, -XEN_ENOSPC);
        EXPECT(count > 900);
        if (round)
            EXPECT_EQ(count, first);
        first = count;
    }
    scenario_reason("%u ports", first);
}
