/* SPDX-License-Identifier: MIT */
/*
 * Event channels in memory programs: event_channel_op, guests that write into shared_info, virtual
 * interrupts; and what stands in for the scheduler and the console there. A table has one page of
 * ports (FUZZ_GEOMETRY), so that a few records fill it.
 */
#include "memory_requests.h"

#include <string.h>

#include "dom/console.h"
#include "dom/evtchn.h"
#include "dom/sched.h"

#define AT_EVENT 0xd00u /* of the window */

/* ---- what event channels need of others ---- */

void sched_wake(struct vcpu *v)
{
    v->polling = v->blocked = false;
}

void vcpu_timers_update(const struct vcpu *v)
{
    (void)v;
}

void console_ring_drain(struct domain *d)
{
    (void)d;
}

long hc_events(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    (void)a3, (void)a4, (void)a5;
    return evtchn_op((unsigned)cmd, arg);
}

/* ---- requests ---- */

static uint32_t select_port(uint8_t byte)
{
    static const uint32_t ends[8] = {
        0, 63, 64, 127, EVTCHN_PORTS - 1, EVTCHN_PORTS, 1u << 31, ~0u
    };

    return byte < 0xf0 ? 1 + byte % 6u : ends[byte & 7];
}

static uint16_t select_peer(uint8_t byte)
{
    static const uint16_t ids[8] = { 0, 1, 2, DOMID_SELF, 0, 1, 2, 3 };

    return ids[byte & 7];
}

static const uint8_t commands[32] = {
    EVTCHNOP_alloc_unbound,
    EVTCHNOP_alloc_unbound,
    EVTCHNOP_alloc_unbound,
    EVTCHNOP_alloc_unbound,
    EVTCHNOP_alloc_unbound,
    EVTCHNOP_bind_interdomain,
    EVTCHNOP_bind_interdomain,
    EVTCHNOP_bind_interdomain,
    EVTCHNOP_bind_interdomain,
    EVTCHNOP_bind_interdomain,
    EVTCHNOP_bind_virq,
    EVTCHNOP_bind_virq,
    EVTCHNOP_bind_virq,
    EVTCHNOP_bind_ipi,
    EVTCHNOP_bind_ipi,
    EVTCHNOP_close,
    EVTCHNOP_close,
    EVTCHNOP_close,
    EVTCHNOP_close,
    EVTCHNOP_send,
    EVTCHNOP_send,
    EVTCHNOP_send,
    EVTCHNOP_status,
    EVTCHNOP_bind_vcpu,
    EVTCHNOP_bind_vcpu,
    EVTCHNOP_unmask,
    EVTCHNOP_reset,
    EVTCHNOP_bind_pirq,
    EVTCHNOP_init_control,
    EVTCHNOP_expand_array,
    EVTCHNOP_set_priority,
    63,
};

union arg {
    evtchn_alloc_unbound_t alloc_unbound;
    evtchn_bind_interdomain_t bind_interdomain;
    evtchn_bind_virq_t bind_virq;
    evtchn_bind_pirq_t bind_pirq;
    evtchn_bind_ipi_t bind_ipi;
    evtchn_close_t close;
    evtchn_status_t status;
    evtchn_bind_vcpu_t bind_vcpu;
    evtchn_unmask_t unmask;
    evtchn_reset_t reset;
    evtchn_init_control_t init_control;
    uint8_t bytes[32];
};

static union arg argument(const struct op *op, unsigned cmd)
{
    uint32_t port = select_port(op->a), vcpu = (op->slot & 7) == 7 ? op->bits : op->slot & 1u;
    uint16_t domain = op->mode & OP_FOREIGN ? select_peer(op->y) : (uint16_t)DOMID_SELF;
    union arg u = { .close = { port } }; /* of the others that name only a port, too */

    switch (cmd) {
    case EVTCHNOP_alloc_unbound:
        u.alloc_unbound = (evtchn_alloc_unbound_t){ domain, select_peer(op->b), 0 };
        break;
    case EVTCHNOP_bind_interdomain:
        u.bind_interdomain = (evtchn_bind_interdomain_t){ select_peer(op->b), port, 0 };
        break;
    case EVTCHNOP_bind_virq:
        u.bind_virq = (evtchn_bind_virq_t){ op->bits & 31, vcpu, 0 };
        break;
    case EVTCHNOP_bind_pirq:
        u.bind_pirq = (evtchn_bind_pirq_t){ op->bits * 2u, 0, 0 };
        break;
    case EVTCHNOP_bind_ipi:
        u.bind_ipi.vcpu = vcpu;
        break;
    case EVTCHNOP_status:
        u.status = (evtchn_status_t){ .dom = domain, .port = port };
        break;
    case EVTCHNOP_bind_vcpu:
        u.bind_vcpu = (evtchn_bind_vcpu_t){ port, vcpu };
        break;
    case EVTCHNOP_reset:
        u.reset.dom = domain;
        break;
    case EVTCHNOP_init_control:
        u.init_control.vcpu = vcpu;
        break;
    default:
        break;
    }
    if (fuzz_verbose)
        fprintf(stderr, " command %u, port %u, vCPU %u, domains %u, %u", cmd, port, vcpu, domain,
                select_peer(op->b));
    return u;
}

struct call call_event(const struct op *op, unsigned i)
{
    unsigned cmd = commands[op->x & 31];
    union arg u = argument(op, cmd);

    memcpy(window() + AT_EVENT + i * sizeof(u), &u, sizeof(u));
    return (struct call){ __HYPERVISOR_event_channel_op,
                          { cmd, select_pointer(op, AT_EVENT + i * (unsigned)sizeof(u)), 0, 0 } };
}

/* ---- without a hypercall, or with many ---- */

/* Words of shared_info are the guest's to write, whatever they mean. */
static void scribble(const struct op *op)
{
    shared_info_t *s = domain_current()->shared;
    uint64_t value = (op->b & 3) == 3 ? ~0ul : (op->b & 3) == 2 ? 0 : select_descriptor(op);

    if (op->a & 1)
        s->evtchn_mask[op->slot & 63] = value;
    else if (op->a & 2)
        s->evtchn_pending[op->slot & 63] = value;
    else
        memset(&s->vcpu_info[op->slot & 1], (int)value, sizeof(s->vcpu_info[0]));
}

/* One request after the other: until the table is full, if there are enough. */
static void many(const struct op *op)
{
    static const uint16_t counts[4] = { 5, 70, 200, EVTCHN_PORTS };
    uint64_t at = window_va() + AT_EVENT;
    long result;

    for (unsigned n = 0; n < counts[op->y & 3]; n++) {
        union arg u = { .alloc_unbound = { DOMID_SELF, select_peer(op->b), 0 } };

        if (op->a & 1)
            u = (union arg){ .close = { 1 + n } };
        memcpy(window() + AT_EVENT, &u, sizeof(u));
        if (!hypercall(__HYPERVISOR_event_channel_op,
                       op->a & 1 ? EVTCHNOP_close : EVTCHNOP_alloc_unbound, at, 0, 0, &result))
            return;
    }
}

void act_events(const struct op *op)
{
    static const char *const names[] = { "writes to shared_info", "VIRQ", "many requests" };
    unsigned what = (op->x & 7) % 3;

    if (fuzz_verbose)
        fprintf(stderr, " %s\n", names[what]);
    if (what == 0)
        scribble(op);
    else if (what == 1)
        evtchn_raise_virq(vcpu_current(), op->bits % EVTCHN_VIRQS);
    else
        many(op);
}

/* ---- refused means unchanged ---- */

static struct evtchn ports_before[DOMAINS][EVTCHN_PORTS];
static uint16_t virqs_before[VCPUS][EVTCHN_VIRQS];

void events_keep(void)
{
    for (unsigned i = 0; i < DOMAINS; i++)
        if (domains[i].exists)
            memcpy(ports_before[i], domains[i].d.evtchn.port, sizeof(ports_before[i]));
    for (unsigned n = 0; n < VCPUS; n++)
        memcpy(virqs_before[n], vcpus[n].virq_port, sizeof(virqs_before[n]));
}

void events_same(void)
{
    for (unsigned i = 0; i < DOMAINS; i++)
        if (domains[i].exists &&
            memcmp(ports_before[i], domains[i].d.evtchn.port, sizeof(ports_before[i])))
            fuzz_fail("refused, and a port of d%u's has changed", domains[i].d.id);
    for (unsigned n = 0; n < VCPUS; n++)
        if (memcmp(virqs_before[n], vcpus[n].virq_port, sizeof(virqs_before[n])))
            fuzz_fail("refused, and a VIRQ of vCPU %u has changed", n);
}
