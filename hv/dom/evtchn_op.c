/* SPDX-License-Identifier: MIT */
/*
 * Hypercall event_channel_op: one function for each sub-operation, on a copy of its argument.
 *
 * Invariant: everything is checked before anything changes; a sub-operation that fails has no
 * effect. Left out: the FIFO ABI (init_control and expand_array refuse as on a system without it)
 * and physical interrupts.
 */
#include "dom/console.h"
#include "dom/evtchn.h"
#include "dom/sched.h"
#include "dom/vcpu.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/refusal.h"

#define PIRQS 256u /* numbers that could be a physical interrupt's */

union evtchn_arg {
    evtchn_alloc_unbound_t alloc_unbound;
    evtchn_bind_interdomain_t bind_interdomain;
    evtchn_bind_virq_t bind_virq;
    evtchn_bind_pirq_t bind_pirq;
    evtchn_bind_ipi_t bind_ipi;
    evtchn_close_t close;
    evtchn_send_t send;
    evtchn_status_t status;
    evtchn_bind_vcpu_t bind_vcpu;
    evtchn_unmask_t unmask;
    evtchn_reset_t reset;
    evtchn_init_control_t init_control;
    evtchn_expand_array_t expand_array;
    evtchn_set_priority_t set_priority;
};

static long refuse_port(long err, const char *rule)
{
    return refuse((int)err, rule, MFN_NONE, 0);
}

/* The domain that a request is about; another than the caller only for the privileged one. */
static long target_domain(struct domain *self, domid_t id, struct domain **target)
{
    *target = domain_find(id);
    if (!*target)
        return refuse_port(-ESRCH, "evtchn-domain-unknown");
    if (*target != self && !self->initial)
        return refuse_port(-EPERM, "evtchn-domain-foreign");
    return 0;
}

static bool vcpu_exists(const struct domain *d, uint32_t vcpu)
{
    return vcpu < d->vcpus && d->vcpu[vcpu];
}

static long op_alloc_unbound(struct domain *self, union evtchn_arg *u)
{
    struct domain *d;
    long port = target_domain(self, u->alloc_unbound.dom, &d);
    domid_t remote = u->alloc_unbound.remote_dom;

    if (port)
        return port;
    spin_lock(&d->evtchn.lock);
    port = evtchn_alloc(d, EVTCHN_UNBOUND, 0);
    if (port > 0)
        d->evtchn.port[port].remote_dom = remote == DOMID_SELF ? self->id : remote;
    spin_unlock(&d->evtchn.lock);
    if (port < 0)
        return refuse_port(port, "evtchn-none-free");
    u->alloc_unbound.port = (evtchn_port_t)port;
    return 0;
}

/* That no port is free is found first; a table that has grown for nothing stays so. */
static long bind_interdomain_locked(struct domain *self, struct domain *peer, uint32_t peer_port)
{
    long port = evtchn_alloc(self, EVTCHN_INTERDOMAIN, 0);
    struct evtchn *e = evtchn_port_valid(peer, peer_port) ? &peer->evtchn.port[peer_port] : 0;

    if (port < 0)
        return refuse_port(port, "evtchn-none-free");
    if (!e || e->state != EVTCHN_UNBOUND || e->remote_dom != self->id) {
        self->evtchn.port[port].state = EVTCHN_FREE;
        return refuse_port(-EINVAL, "evtchn-not-unbound-for-us");
    }
    self->evtchn.port[port].remote_dom = peer->id;
    self->evtchn.port[port].remote_port = peer_port;
    e->state = EVTCHN_INTERDOMAIN;
    e->remote_dom = self->id;
    e->remote_port = (uint32_t)port;
    return port;
}

static long op_bind_interdomain(struct domain *self, union evtchn_arg *u)
{
    struct domain *peer = domain_find(u->bind_interdomain.remote_dom);
    long port;

    if (!peer)
        return refuse_port(-ESRCH, "evtchn-domain-unknown");
    evtchn_lock_both(self, peer);
    port = bind_interdomain_locked(self, peer, u->bind_interdomain.remote_port);
    evtchn_unlock_both(self, peer);
    if (port < 0)
        return port;
    u->bind_interdomain.local_port = (evtchn_port_t)port;
    /* The peer may have sent while nobody was bound: the ABI starts the new port pending. */
    evtchn_set_pending(self, (uint32_t)port);
    return 0;
}

static long bind_virq_locked(struct domain *self, uint32_t virq, uint32_t vcpu)
{
    uint16_t *bound = &self->vcpu[vcpu]->virq_port[virq];
    long port;

    if (*bound)
        return refuse_port(-EEXIST, "virq-is-bound");
    port = evtchn_alloc(self, EVTCHN_VIRQ, vcpu);
    if (port < 0)
        return refuse_port(port, "evtchn-none-free");
    self->evtchn.port[port].remote_port = virq;
    *bound = (uint16_t)port;
    return port;
}

static long op_bind_virq(struct domain *self, union evtchn_arg *u)
{
    uint32_t virq = u->bind_virq.virq, vcpu = u->bind_virq.vcpu;
    long port;

    if (virq >= EVTCHN_VIRQS)
        return refuse_port(-EINVAL, "virq-unknown");
    if (!virq_is_per_vcpu(virq) && vcpu != 0)
        return refuse_port(-EINVAL, "virq-is-global");
    if (!vcpu_exists(self, vcpu))
        return refuse_port(-ENOENT, "vcpu-unknown");
    spin_lock(&self->evtchn.lock);
    port = bind_virq_locked(self, virq, vcpu);
    spin_unlock(&self->evtchn.lock);
    if (port < 0)
        return port;
    u->bind_virq.port = (evtchn_port_t)port;
    if (virq == VIRQ_TIMER)
        vcpu_timers_update(self->vcpu[vcpu]);
    return 0;
}

static long op_bind_pirq(struct domain *self, union evtchn_arg *u)
{
    (void)self;
    return refuse_port(u->bind_pirq.pirq >= PIRQS ? -EINVAL : -EPERM, "pirq-not-supported");
}

static long op_bind_ipi(struct domain *self, union evtchn_arg *u)
{
    long port;

    if (!vcpu_exists(self, u->bind_ipi.vcpu))
        return refuse_port(-ENOENT, "vcpu-unknown");
    spin_lock(&self->evtchn.lock);
    port = evtchn_alloc(self, EVTCHN_IPI, u->bind_ipi.vcpu);
    spin_unlock(&self->evtchn.lock);
    if (port < 0)
        return refuse_port(port, "evtchn-none-free");
    u->bind_ipi.port = (evtchn_port_t)port;
    return 0;
}

static struct evtchn *port_in_use(struct domain *d, uint32_t port)
{
    struct evtchn *e = evtchn_port_valid(d, port) ? &d->evtchn.port[port] : 0;

    return e && e->state != EVTCHN_FREE ? e : 0;
}

static long op_close(struct domain *self, union evtchn_arg *u)
{
    if (!evtchn_port_valid(self, u->close.port) || !evtchn_close(self, u->close.port))
        return refuse_port(-EINVAL, "evtchn-port-free");
    return 0;
}

static long op_send(struct domain *self, union evtchn_arg *u)
{
    uint32_t port = u->send.port;
    const struct evtchn *e = port_in_use(self, port);
    struct domain *peer;

    switch (e ? e->state : EVTCHN_FREE) {
    case EVTCHN_INTERDOMAIN:
        peer = domain_find(e->remote_dom);
        if (peer)
            evtchn_set_pending(peer, e->remote_port);
        return 0;
    case EVTCHN_IPI:
        evtchn_set_pending(self, port);
        return 0;
    case EVTCHN_HYPERVISOR:
        if (port == self->console_port)
            console_ring_drain(self);
        return 0;
    case EVTCHN_UNBOUND:
        return 0;
    default:
        return refuse_port(-EINVAL, "evtchn-cannot-be-sent");
    }
}

static long op_status(struct domain *self, union evtchn_arg *u)
{
    evtchn_status_t *s = &u->status;
    struct domain *d;
    const struct evtchn *e;
    long rc = target_domain(self, s->dom, &d);

    if (rc)
        return rc;
    if (!evtchn_port_valid(d, s->port))
        return refuse_port(-EINVAL, "evtchn-port-invalid");
    e = &d->evtchn.port[s->port];
    s->vcpu = e->vcpu;
    switch (e->state) {
    case EVTCHN_UNBOUND:
        s->status = EVTCHNSTAT_unbound;
        s->u.unbound.dom = e->remote_dom;
        break;
    case EVTCHN_INTERDOMAIN:
        s->status = EVTCHNSTAT_interdomain;
        s->u.interdomain.dom = e->remote_dom;
        s->u.interdomain.port = e->remote_port;
        break;
    case EVTCHN_HYPERVISOR: /* looks like a backend in domain 0, with the same number */
        s->status = EVTCHNSTAT_interdomain;
        s->u.interdomain.dom = 0;
        s->u.interdomain.port = s->port;
        break;
    case EVTCHN_VIRQ:
        s->status = EVTCHNSTAT_virq;
        s->u.virq = e->remote_port;
        break;
    case EVTCHN_IPI:
        s->status = EVTCHNSTAT_ipi;
        break;
    default:
        s->status = EVTCHNSTAT_closed;
        break;
    }
    return 0;
}

static long op_bind_vcpu(struct domain *self, union evtchn_arg *u)
{
    struct evtchn *e;
    bool moves;

    if (!vcpu_exists(self, u->bind_vcpu.vcpu))
        return refuse_port(-ENOENT, "vcpu-unknown");
    spin_lock(&self->evtchn.lock);
    e = port_in_use(self, u->bind_vcpu.port);
    moves = e && e->state != EVTCHN_IPI &&
            !(e->state == EVTCHN_VIRQ && virq_is_per_vcpu(e->remote_port));
    if (moves)
        e->vcpu = (uint8_t)u->bind_vcpu.vcpu;
    spin_unlock(&self->evtchn.lock);
    return moves ? 0 : refuse_port(-EINVAL, "evtchn-keeps-its-vcpu");
}

static long op_unmask(struct domain *self, union evtchn_arg *u)
{
    if (!evtchn_port_valid(self, u->unmask.port))
        return refuse_port(-EINVAL, "evtchn-port-invalid");
    evtchn_unmask(self, u->unmask.port);
    return 0;
}

static long op_reset(struct domain *self, union evtchn_arg *u)
{
    struct domain *d;
    long rc = target_domain(self, u->reset.dom, &d);

    if (rc)
        return rc;
    /* Another domain would have to be paused for this, and there is nothing that pauses one. */
    if (d != self)
        return refuse_port(-EINVAL, "evtchn-domain-runs");
    for (uint32_t port = 1; port < d->evtchn.limit; port++)
        (void)evtchn_close(d, port);
    return 0;
}

static long op_init_control(struct domain *self, union evtchn_arg *u)
{
    if (!vcpu_exists(self, u->init_control.vcpu))
        return refuse_port(-ENOENT, "vcpu-unknown");
    return refuse_port(-EINVAL, "fifo-abi-left-out");
}

static long op_expand_array(struct domain *self, union evtchn_arg *u)
{
    (void)self;
    (void)u;
    return refuse_port(-EOPNOTSUPP, "fifo-abi-left-out");
}

static long op_set_priority(struct domain *self, union evtchn_arg *u)
{
    if (!evtchn_port_valid(self, u->set_priority.port))
        return refuse_port(-EINVAL, "evtchn-port-invalid");
    return refuse_port(-ENOSYS, "fifo-abi-left-out");
}

struct evtchn_handler {
    long (*fn)(struct domain *self, union evtchn_arg *u);
    uint8_t bytes; /* of the argument */
    bool out;      /* it is written back */
};

#define OP(name, writes_back) \
    [EVTCHNOP_##name] = { op_##name, sizeof(evtchn_##name##_t), writes_back }
static const struct evtchn_handler handlers[] = {
    OP(bind_interdomain, true), OP(bind_virq, true),     OP(bind_pirq, true),
    OP(close, false),           OP(send, false),         OP(status, true),
    OP(alloc_unbound, true),    OP(bind_ipi, true),      OP(bind_vcpu, false),
    OP(unmask, false),          OP(reset, false),        OP(init_control, true),
    OP(expand_array, false),    OP(set_priority, false),
};
#undef OP

long evtchn_op(unsigned cmd, uint64_t arg_va)
{
    union evtchn_arg u;
    const struct evtchn_handler *h;
    long rc;

    if (cmd >= sizeof(handlers) / sizeof(handlers[0]) || !handlers[cmd].fn)
        return refuse_port(-ENOSYS, "evtchn-op-unknown");
    h = &handlers[cmd];
    if (guest_read(&u, arg_va, h->bytes))
        return refuse_port(-EFAULT, "argument-unreadable");
    rc = h->fn(domain_current(), &u);
    if (!rc && h->out && guest_write(arg_va, &u, h->bytes))
        return refuse_port(-EFAULT, "argument-unwritable");
    return rc;
}
