/* SPDX-License-Identifier: MIT */
/*
 * The auditor's view of event channels: whoever is named by a port names it back. It looks at the
 * tables alone, and knows nothing of the operations that keep them. Caller: dom/books.c.
 */
#include "dom/evtchn.h"
#include "dom/vcpu.h"

static void differs(struct audit *a, const struct domain *d, uint32_t port, const char *what,
                    uint64_t found, uint64_t expected)
{
    static const char *const where[] = { "port of d0", "port of a domU" };

    audit_differs(a, "ports", where[d->id != 0], AUDIT_AT(port), what, found, expected);
}

static void check_peer(struct audit *a, const struct domain *list, const struct domain *d,
                       uint32_t port)
{
    const struct evtchn *e = &d->evtchn.port[port], *peer;

    while (list && list->id != e->remote_dom)
        list = list->next;
    if (!list || !list->evtchn.port || e->remote_port >= list->evtchn.limit) {
        differs(a, d, port, "peer's number", e->remote_port, 0);
        return;
    }
    peer = &list->evtchn.port[e->remote_port];
    if (peer->state != EVTCHN_INTERDOMAIN || peer->remote_dom != d->id)
        differs(a, d, port, "peer's state", peer->state, EVTCHN_INTERDOMAIN);
    else if (peer->remote_port != port)
        differs(a, d, port, "peer's peer", peer->remote_port, port);
}

static void check_port(struct audit *a, const struct domain *list, const struct domain *d,
                       uint32_t port)
{
    const struct evtchn *e = &d->evtchn.port[port];

    if (!port || port >= d->evtchn.limit) {
        differs(a, d, port, "state", e->state, EVTCHN_FREE);
        return;
    }
    if (e->vcpu >= d->vcpus)
        differs(a, d, port, "vCPU", e->vcpu, 0);
    else if (e->state == EVTCHN_INTERDOMAIN)
        check_peer(a, list, d, port);
    else if (e->state == EVTCHN_VIRQ &&
             (e->remote_port >= EVTCHN_VIRQS ||
              d->vcpu[evtchn_virq_vcpu(e)]->virq_port[e->remote_port] != port))
        differs(a, d, port, "VIRQ", e->remote_port, EVTCHN_VIRQS);
}

/* What a vCPU holds for the port of a VIRQ is one. */
static void check_virqs(struct audit *a, const struct domain *d, const struct vcpu *v)
{
    for (uint32_t virq = 0; virq < EVTCHN_VIRQS; virq++) {
        uint32_t port = v->virq_port[virq];
        const struct evtchn *e = &d->evtchn.port[port];

        if (port && (port >= d->evtchn.limit || e->state != EVTCHN_VIRQ || e->remote_port != virq))
            differs(a, d, port, "state of a VIRQ's port", e->state, EVTCHN_VIRQ);
    }
}

void evtchn_audit(struct audit *a, const struct domain *list)
{
    for (const struct domain *d = list; d; d = d->next) {
        if (!d->evtchn.port)
            continue;
        for (uint32_t port = 0; port < EVTCHN_PORTS; port++)
            if (d->evtchn.port[port].state != EVTCHN_FREE)
                check_port(a, list, d, port);
        for (unsigned i = 0; i < d->vcpus; i++)
            check_virqs(a, d, d->vcpu[i]);
    }
}
