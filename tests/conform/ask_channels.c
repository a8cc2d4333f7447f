/*
 * SPDX-License-Identifier: MIT
 *
 * ask_channels.c - where an event goes: pending bits, selectors and upcalls of every vCPU after each
 * step of a port's life; ports at the edge of the table.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "guest.h"
#include "hypercall.h"

#define VCPUS 3U /* scripts/conform gives so many */

static long event(unsigned int cmd, void *arg)
{
    return hypercall_event_channel_op(cmd, arg);
}

static volatile xen_ulong_t *word_of(xen_ulong_t *words, evtchn_port_t port)
{
    return &words[port / 64];
}

static void bit_put(xen_ulong_t *words, evtchn_port_t port, bool set)
{
    if (set)
        __atomic_fetch_or(word_of(words, port), 1UL << port % 64, __ATOMIC_SEQ_CST);
    else
        __atomic_fetch_and(word_of(words, port), ~(1UL << port % 64), __ATOMIC_SEQ_CST);
}

static unsigned int bit_get(xen_ulong_t *words, evtchn_port_t port)
{
    return *word_of(words, port) >> port % 64 & 1;
}

static void clear(evtchn_port_t port)
{
    bit_put(shared_info_page.evtchn_pending, port, false);
    for (unsigned int i = 0; i < VCPUS; i++) {
        bit_put(&shared_info_page.vcpu_info[i].evtchn_pending_sel, port / 64, false);
        shared_info_page.vcpu_info[i].evtchn_upcall_pending = 0;
    }
}

/* Pending and mask of the port; selector bit and upcall of each vCPU. */
static void tell_port(evtchn_port_t port)
{
    tell("p%um%u", bit_get(shared_info_page.evtchn_pending, port),
         bit_get(shared_info_page.evtchn_mask, port));
    for (unsigned int i = 0; i < VCPUS; i++)
        tell("%u%u", bit_get(&shared_info_page.vcpu_info[i].evtchn_pending_sel, port / 64),
             shared_info_page.vcpu_info[i].evtchn_upcall_pending);
}

static void tell_status(evtchn_port_t port)
{
    struct evtchn_status status = { .dom = DOMID_SELF, .port = port };

    tell_rc(event(EVTCHNOP_status, &status));
    tell("status=%u vcpu=%u", status.status, status.vcpu);
}

enum port_kind { IPI0, IPI1, IPI2, UNBOUND, LOOPBACK, DEBUG0, DEBUG1, GLOBAL, FREE, PORT_KINDS };

static const char *const kind_name[] = { "ipi0",   "ipi1",   "ipi2",   "unbound", "loopback",
                                         "debug0", "debug1", "global", "free" };

/* A port of the kind; *other is the end to send through. */
static evtchn_port_t port_make(enum port_kind kind, evtchn_port_t *other)
{
    struct evtchn_bind_ipi ipi = { .vcpu = (uint32_t)(kind - IPI0) };
    struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_SELF };
    struct evtchn_bind_virq virq = { .virq = kind == GLOBAL ? VIRQ_TBUF : VIRQ_DEBUG,
                                     .vcpu = kind == DEBUG1 };

    *other = 0;
    switch (kind) {
    case IPI0:
    case IPI1:
    case IPI2:
        tell_rc(event(EVTCHNOP_bind_ipi, &ipi));
        return *other = ipi.port;
    case LOOPBACK:
        (void)event(EVTCHNOP_alloc_unbound, &alloc);
        bind.remote_port = alloc.port;
        tell_rc(event(EVTCHNOP_bind_interdomain, &bind));
        *other = bind.local_port;
        tell_port(bind.local_port); /* it starts pending */
        clear(bind.local_port);
        return alloc.port;
    case DEBUG0:
    case DEBUG1:
    case GLOBAL:
        tell_rc(event(EVTCHNOP_bind_virq, &virq));
        return *other = virq.port;
    default:
        tell_rc(event(EVTCHNOP_alloc_unbound, &alloc));
        if (kind == FREE)
            tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ alloc.port }));
        return *other = alloc.port;
    }
}

/* Every step with the port masked or not, pending already or not. */
static void delivery(enum port_kind kind, bool masked, bool pending)
{
    evtchn_port_t other, port;
    struct sched_poll poll = { .nr_ports = 1, .timeout = 1 };

    ask("channel/%s/%s%s", kind_name[kind], masked ? "masked" : "open", pending ? "/pending" : "");
    port = port_make(kind, &other);
    tell_status(port);
    clear(port);
    bit_put(shared_info_page.evtchn_mask, port, masked);
    bit_put(shared_info_page.evtchn_pending, port, pending);
    tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ other }));
    tell_port(port);
    tell_rc(event(EVTCHNOP_unmask, &(struct evtchn_unmask){ port }));
    tell_port(port);
    tell_rc(event(EVTCHNOP_unmask, &(struct evtchn_unmask){ port }));
    tell_port(port);
    set_xen_guest_handle(poll.ports, &port);
    tell_rc(hypercall_sched_op(SCHEDOP_poll, &poll));
    clear(port);
    for (unsigned int vcpu = 0; vcpu <= VCPUS; vcpu++) {
        tell_rc(event(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ port, vcpu }));
        tell_status(port);
        tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ other }));
        tell_port(port);
        clear(port);
    }
    bit_put(shared_info_page.evtchn_pending, port, true);
    bit_put(shared_info_page.evtchn_mask, port, true);
    tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ port }));
    tell_port(port);
    if (kind == LOOPBACK) {
        tell_status(other);
        tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ other }));
        tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ other }));
    }
    tell_status(port);
    told();
    clear(port);
}

/* Bound and closed from the second end, bound again, to itself, by a name for oneself. */
static void ends(void)
{
    struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_SELF };

    ask("channel/ends");
    tell_rc(event(EVTCHNOP_alloc_unbound, &alloc));
    for (unsigned int i = 0; i < 3; i++) {
        bind.remote_port = alloc.port;
        tell_rc(event(EVTCHNOP_bind_interdomain, &bind));
        tell_rc(event(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ alloc.port, i }));
        tell_rc(event(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ bind.local_port, 2 - i }));
        clear(alloc.port);
        tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ bind.local_port }));
        tell_port(alloc.port);
        tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ bind.local_port }));
        tell_status(alloc.port);
        tell_status(bind.local_port);
        tell_port(alloc.port); /* what was sent is still there */
        bind.remote_port = bind.local_port;
        tell_rc(event(EVTCHNOP_bind_interdomain, &bind));
    }
    tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ alloc.port }));
    told();
    clear(alloc.port);
    clear(bind.local_port);
}

/* All ports there are, each way to ask for one more, and all back. */
static void full(void)
{
    struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_SELF };
    struct evtchn_bind_virq virq = { .virq = VIRQ_DEBUG };
    struct evtchn_bind_ipi ipi = { .vcpu = 1 };
    evtchn_port_t first = 0, last = 0;
    long rc;

    ask("channel/full");
    while (!(rc = event(EVTCHNOP_alloc_unbound, &alloc))) {
        first = first ? first : alloc.port;
        last = alloc.port;
    }
    tell_rc(rc);
    tell("last=%u", last);
    tell_rc(event(EVTCHNOP_bind_ipi, &ipi));
    tell_rc(event(EVTCHNOP_bind_virq, &virq));
    bind.remote_port = last;
    tell_rc(event(EVTCHNOP_bind_interdomain, &bind));
    bind.remote_port = 1 << 20;
    tell_rc(event(EVTCHNOP_bind_interdomain, &bind));
    tell_status(last);
    tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ last }));
    tell_rc(event(EVTCHNOP_unmask, &(struct evtchn_unmask){ last }));
    tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ last }));
    bind.remote_port = last - 1;
    tell_rc(event(EVTCHNOP_bind_interdomain, &bind));
    tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ last - 1 }));
    tell_port(last);
    clear(last);
    for (evtchn_port_t port = first; port <= last; port++)
        rc |= event(EVTCHNOP_close, &(struct evtchn_close){ port });
    tell_rc(rc);
    told();
}

static void elsewhere(void)
{
    static const domid_t doms[] = { 1, DOMID_IO, DOMID_XEN, DOMID_INVALID };

    for (unsigned int i = 0; i < sizeof(doms) / sizeof(doms[0]); i++) {
        struct evtchn_status status = { .dom = doms[i], .port = 1 };
        struct evtchn_bind_interdomain bind = { .remote_dom = doms[i], .remote_port = 1 };

        ask("channel/domain-%x", doms[i]);
        tell_rc(event(EVTCHNOP_status, &status));
        tell_rc(event(EVTCHNOP_bind_interdomain, &bind));
        tell_rc(event(EVTCHNOP_reset, &(struct evtchn_reset){ doms[i] }));
        told();
    }
}

#define LIBRARY_PORTS 16

/* The library's VIRQs again under the numbers that they had; the ports between are closed again. */
static void bind_again(const struct evtchn_status *before)
{
    for (evtchn_port_t port = 1; port < LIBRARY_PORTS; port++) {
        struct evtchn_bind_virq virq = { .virq = before[port].u.virq, .vcpu = before[port].vcpu };
        struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };

        if (before[port].status == EVTCHNSTAT_virq)
            (void)event(EVTCHNOP_bind_virq, &virq);
        else
            (void)event(EVTCHNOP_alloc_unbound, &alloc);
    }
    for (evtchn_port_t port = 1; port < LIBRARY_PORTS; port++)
        if (before[port].status != EVTCHNSTAT_virq)
            (void)event(EVTCHNOP_close, &(struct evtchn_close){ port });
}

/* Ports of every kind, then none; the lowest number is given first; a VIRQ can be bound again. */
static void reset(void)
{
    struct evtchn_status before[LIBRARY_PORTS];
    evtchn_port_t port[PORT_KINDS], other;
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };

    for (evtchn_port_t i = 1; i < LIBRARY_PORTS; i++) {
        before[i] = (struct evtchn_status){ .dom = DOMID_SELF, .port = i };
        (void)event(EVTCHNOP_status, &before[i]);
    }
    ask("channel/reset");
    for (unsigned int kind = 0; kind < PORT_KINDS; kind++) {
        port[kind] = port_make((enum port_kind)kind, &other);
        bit_put(shared_info_page.evtchn_pending, port[kind], true);
    }
    tell_rc(event(EVTCHNOP_reset, &(struct evtchn_reset){ DOMID_SELF }));
    for (unsigned int kind = 0; kind < PORT_KINDS; kind++) {
        tell_status(port[kind]);
        tell_port(port[kind]);
        tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ port[kind] }));
    }
    tell_rc(event(EVTCHNOP_bind_ipi, &ipi));
    tell("first=%u", ipi.port);
    tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ ipi.port }));
    bind_again(before);
    (void)port_make(DEBUG1, &other);
    tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ other }));
    told();
    clear(port[0]);
}

void ask_channels(void)
{
    for (unsigned int kind = 0; kind < PORT_KINDS; kind++)
        for (unsigned int how = 0; how < 4; how++)
            delivery((enum port_kind)kind, how & 1, how & 2);
    ends();
    full();
    elsewhere();
    reset();
}
