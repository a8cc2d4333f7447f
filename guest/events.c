/*
 * SPDX-License-Identifier: MIT
 *
 * events.c - the shared bitmaps and the upcall.
 *
 * Order of the ABI: upcall_pending is cleared before the selector is read, the selector before the
 * pending words; a bit set meanwhile raises the upcall again.  Unmasking by a store does not trap, so
 * events_restore looks at upcall_pending itself.
 */
#include "events.h"

#include "guest.h"
#include "hypercall.h"

static event_handler_t handlers[EVENT_PORTS];

static volatile xen_ulong_t *pending_words(void)
{
    return shared_info_page.evtchn_pending;
}

static volatile xen_ulong_t *mask_words(void)
{
    return shared_info_page.evtchn_mask;
}

static void deliver(unsigned int word)
{
    xen_ulong_t ready = pending_words()[word] & ~mask_words()[word];

    while (ready) {
        unsigned int bit = (unsigned int)__builtin_ctzl(ready);
        evtchn_port_t port = word * 64 + bit;

        ready &= ready - 1;
        __atomic_and_fetch(&pending_words()[word], ~(1UL << bit), __ATOMIC_ACQ_REL);
        if (port < EVENT_PORTS && handlers[port])
            handlers[port](port);
    }
}

void events_dispatch(void)
{
    vcpu_info_t *vcpu = guest_vcpu_info();

    while (__atomic_exchange_n(&vcpu->evtchn_upcall_pending, 0, __ATOMIC_ACQ_REL)) {
        xen_ulong_t selector = __atomic_exchange_n(&vcpu->evtchn_pending_sel, 0, __ATOMIC_ACQ_REL);

        for (; selector; selector &= selector - 1)
            deliver((unsigned int)__builtin_ctzl(selector));
    }
}

bool events_mask(void)
{
    return __atomic_exchange_n(&guest_vcpu_info()->evtchn_upcall_mask, 1, __ATOMIC_ACQ_REL);
}

void events_restore(bool masked)
{
    vcpu_info_t *vcpu = guest_vcpu_info();

    if (masked)
        return;
    __atomic_store_n(&vcpu->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
    /* Any hypercall delivers what came in while masked. */
    if (__atomic_load_n(&vcpu->evtchn_upcall_pending, __ATOMIC_SEQ_CST))
        (void)hypercall_xen_version(XENVER_version, NULL);
}

void events_init(void)
{
    for (unsigned int i = 0; i < 64; i++)
        mask_words()[i] = ~0UL;
    events_restore(false);
}

int event_bind(evtchn_port_t port, event_handler_t handler)
{
    struct evtchn_unmask unmask = { .port = port };

    if (port == 0 || port >= EVENT_PORTS)
        return -XEN_EINVAL;
    handlers[port] = handler;
    /* The hypercall, not a store: it delivers again what is pending already. */
    return (int)hypercall_event_channel_op(EVTCHNOP_unmask, &unmask);
}

void event_unbind(evtchn_port_t port)
{
    struct evtchn_close close = { .port = port };

    if (port < EVENT_PORTS)
        handlers[port] = NULL;
    (void)hypercall_event_channel_op(EVTCHNOP_close, &close);
}

int event_bind_virq(unsigned int virq, event_handler_t handler)
{
    struct evtchn_bind_virq bind = { .virq = virq };
    long rc = hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind);

    if (rc == 0)
        rc = event_bind(bind.port, handler);
    return rc ? (int)rc : (int)bind.port;
}

void events_wait(void)
{
    (void)events_mask();
    if (guest_vcpu_info()->evtchn_upcall_pending)
        events_restore(false);
    else
        (void)hypercall_sched_op(SCHEDOP_block, NULL); /* unmasks */
}
