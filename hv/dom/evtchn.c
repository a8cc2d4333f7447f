/* SPDX-License-Identifier: MIT */
/*
 * Event channels, the 2-level ABI: a domain's table of ports, and delivery into shared_info.
 *
 * Invariant: an interdomain port's peer names it back; a VIRQ's port and vcpu.virq_port name each
 * other; ports at or above table.limit are free, and port 0 is never given.
 * Locks: evtchn.lock for the table, two of them in the order of their addresses. Delivery takes
 * none: it reads one entry and changes shared memory by atomic bit operations only, because the
 * guest writes the same words. Guests may write anything there; nothing is read back from it but
 * the bits that delivery itself tests.
 */
#include "dom/evtchn.h"

#include "dom/sched.h"
#include "dom/vcpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page_alloc.h"

_Static_assert(EVTCHN_PORTS * sizeof(struct evtchn) == PAGE_SIZE << EVTCHN_TABLE_ORDER,
               "ports of a page");

bool evtchn_init(struct domain *d)
{
    mfn_t mfn = page_alloc(EVTCHN_TABLE_ORDER);

    if (!frame_valid(mfn))
        return false;
    d->evtchn.port = frame_va(mfn);
    memset(d->evtchn.port, 0, PAGE_SIZE << EVTCHN_TABLE_ORDER);
    d->evtchn.limit = EVTCHN_BUCKET;
    return true;
}

void evtchn_lock_both(struct domain *a, struct domain *b)
{
    spin_lock(a < b ? &a->evtchn.lock : &b->evtchn.lock);
    if (a != b)
        spin_lock(a < b ? &b->evtchn.lock : &a->evtchn.lock);
}

void evtchn_unlock_both(struct domain *a, struct domain *b)
{
    spin_unlock(&a->evtchn.lock);
    if (a != b)
        spin_unlock(&b->evtchn.lock);
}

long evtchn_alloc(struct domain *d, enum evtchn_state state, unsigned vcpu)
{
    struct evtchn_table *t = &d->evtchn;

    for (uint32_t port = 1; port < EVTCHN_PORTS; port++) {
        if (t->port[port].state != EVTCHN_FREE)
            continue;
        if (port >= t->limit)
            t->limit += EVTCHN_BUCKET;
        t->port[port] = (struct evtchn){ .state = state, .vcpu = (uint8_t)vcpu };
        return port;
    }
    return -ENOSPC;
}

uint32_t evtchn_bind_hypervisor(struct domain *d)
{
    long port;

    spin_lock(&d->evtchn.lock);
    port = evtchn_alloc(d, EVTCHN_HYPERVISOR, 0);
    spin_unlock(&d->evtchn.lock);
    return port < 0 ? 0 : (uint32_t)port;
}

/* Sets or clears one bit of a bitmap that the guest shares; true if it was set. */
static bool bit_set(xen_ulong_t *word, unsigned bit)
{
    return __atomic_fetch_or(word, 1ul << bit, __ATOMIC_SEQ_CST) >> bit & 1;
}

static bool bit_clear(xen_ulong_t *word, unsigned bit)
{
    return __atomic_fetch_and(word, ~(1ul << bit), __ATOMIC_SEQ_CST) >> bit & 1;
}

static bool bit_read(const xen_ulong_t *word, unsigned bit)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST) >> bit & 1;
}

/* Makes a port free again, its peer unbound. d's lock is held, and the peer's. */
static void port_free(struct domain *d, uint32_t port)
{
    struct evtchn *e = &d->evtchn.port[port];

    if (e->state == EVTCHN_INTERDOMAIN) {
        struct domain *peer = domain_find(e->remote_dom);

        if (peer)
            peer->evtchn.port[e->remote_port] = (struct evtchn){
                .state = EVTCHN_UNBOUND,
                .vcpu = peer->evtchn.port[e->remote_port].vcpu,
                .remote_dom = d->id,
            };
    } else if (e->state == EVTCHN_VIRQ) {
        d->vcpu[evtchn_virq_vcpu(e)]->virq_port[e->remote_port] = 0;
    } else if (port == d->console_port) {
        d->console_port = 0; /* the number may be given to another channel */
    } else if (port == d->store_port) {
        d->store_port = 0;
    }
    *e = (struct evtchn){ 0 };
    bit_clear(&d->shared->evtchn_pending[port / 64], port % 64);
}

/* The other end's domain, whose lock a port's state needs as well; without one, the port's own. */
static struct domain *port_peer(struct domain *d, uint32_t port)
{
    const struct evtchn *e = &d->evtchn.port[port];
    struct domain *peer = e->state == EVTCHN_INTERDOMAIN ? domain_find(e->remote_dom) : 0;

    return peer ? peer : d;
}

/* Who the peer is may change until the locks are held. */
static struct domain *port_lock(struct domain *d, uint32_t port)
{
    for (;;) {
        struct domain *peer = port_peer(d, port);

        evtchn_lock_both(d, peer);
        if (port_peer(d, port) == peer)
            return peer;
        evtchn_unlock_both(d, peer);
    }
}

bool evtchn_close(struct domain *d, uint32_t port)
{
    struct domain *peer = port_lock(d, port);
    bool used = d->evtchn.port[port].state != EVTCHN_FREE;

    if (used)
        port_free(d, port);
    evtchn_unlock_both(d, peer);
    return used;
}

void evtchn_destroy(struct domain *d)
{
    if (!d->evtchn.port)
        return;
    for (uint32_t port = 1; port < d->evtchn.limit; port++)
        if (port_peer(d, port) != d)
            (void)evtchn_close(d, port);
    page_free(frame_of_va(d->evtchn.port), EVTCHN_TABLE_ORDER);
    d->evtchn.port = 0;
    d->evtchn.limit = 0;
}

/*
 * The second level: selector bit, then upcall_pending, then the vCPU. It is woken even with events
 * masked, as the ABI has it: SCHEDOP_poll ends by any event that its vCPU would be told of.
 */
static void upcall(struct vcpu *v, uint32_t port)
{
    if (!bit_set(&v->info->evtchn_pending_sel, port / 64) &&
        !__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
        sched_wake(v);
}

static void wake_pollers(struct domain *d, uint32_t port)
{
    for (unsigned i = 0; i < d->vcpus; i++) {
        struct vcpu *v = d->vcpu[i];

        if (v->polling && (v->poll_port == port || v->poll_port == EVTCHN_ANY))
            sched_wake(v);
    }
}

void evtchn_set_pending(struct domain *d, uint32_t port)
{
    shared_info_t *s = d->shared;
    struct vcpu *v = d->vcpu[d->evtchn.port[port].vcpu];

    if (!bit_set(&s->evtchn_pending[port / 64], port % 64) &&
        !bit_read(&s->evtchn_mask[port / 64], port % 64))
        upcall(v, port);
    wake_pollers(d, port);
}

void evtchn_unmask(struct domain *d, uint32_t port)
{
    shared_info_t *s = d->shared;

    if (d->evtchn.port[port].state == EVTCHN_FREE)
        return;
    if (bit_clear(&s->evtchn_mask[port / 64], port % 64) &&
        bit_read(&s->evtchn_pending[port / 64], port % 64))
        upcall(d->vcpu[d->evtchn.port[port].vcpu], port);
}

void evtchn_raise_virq(struct vcpu *v, unsigned virq)
{
    if (v->virq_port[virq] && !v->domain->shut_down)
        evtchn_set_pending(v->domain, v->virq_port[virq]);
}

bool evtchn_deliverable(const struct vcpu *v)
{
    const volatile vcpu_info_t *info = v->info;

    return info->evtchn_upcall_pending && !info->evtchn_upcall_mask;
}

bool evtchn_port_valid(const struct domain *d, uint32_t port)
{
    return port < d->evtchn.limit;
}

bool evtchn_pending(const struct domain *d, uint32_t port)
{
    return bit_read(&d->shared->evtchn_pending[port / 64], port % 64);
}
