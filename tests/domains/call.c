/* SPDX-License-Identifier: MIT */
/* Jobs of event channels between domains: one offers a port, another calls it; or anything at all. */
#include "domains.h"

#include "clock.h"
#include "guest.h"
#include "hypercall.h"
#include "kprint.h"

#define MS    1000000ul
#define PORTS 100u

static long event(unsigned int cmd, void *arg)
{
    return hypercall_event_channel_op(cmd, arg);
}

static long port_send(evtchn_port_t port)
{
    return event(EVTCHNOP_send, &(struct evtchn_send){ port });
}

static struct evtchn_status status_of(evtchn_port_t port)
{
    struct evtchn_status status = { .dom = DOMID_SELF, .port = port };

    if (event(EVTCHNOP_status, &status))
        guest_panic("no status of port %u", port);
    return status;
}

/* Waits for an event of the port, which stays masked. */
static void port_wait(evtchn_port_t port)
{
    const uint64_t bit = 1ul << port % 64;
    struct sched_poll poll = { .nr_ports = 1 };

    set_xen_guest_handle(poll.ports, &port);
    while (
        !(__atomic_fetch_and(&shared_info_page.evtchn_pending[port / 64], ~bit, __ATOMIC_SEQ_CST) &
          bit))
        if (hypercall_sched_op(SCHEDOP_poll, &poll))
            guest_panic("port %u cannot be polled for", port);
}

/* Until the other end has gone. */
static void unbound_wait(const char *who, evtchn_port_t port)
{
    struct evtchn_status status;

    while ((status = status_of(port)).status != EVTCHNSTAT_unbound)
        clock_sleep(MS);
    kprint("%s: unbound for=%u send=%ld\n", who, status.u.unbound.dom, port_send(port));
}

void job_offer(void)
{
    struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF,
                                          .remote_dom = (domid_t)number("to", 2) };
    uint64_t rounds = number("rounds", 100);

    do
        if (event(EVTCHNOP_alloc_unbound, &alloc))
            guest_panic("no port");
    while (alloc.port < number("port", 40));
    for (uint64_t i = 0; i < rounds; i++) {
        port_wait(alloc.port);
        (void)port_send(alloc.port);
    }
    kprint("offer: calls=%lu\n", rounds);
    if (number("stay", 0))
        unbound_wait("offer", alloc.port);
}

/* As the initial domain: until domain dom has ended. */
static void end_wait(domid_t dom)
{
    struct evtchn_status status = { .dom = dom, .port = 1 };

    while (dom != DOMID_SELF && event(EVTCHNOP_status, &status) != -XEN_ESRCH)
        clock_sleep(MS);
}

void job_call(void)
{
    struct evtchn_bind_interdomain bind = { .remote_dom = (domid_t)number("from", 1),
                                            .remote_port = (evtchn_port_t)number("port", 40) };
    struct evtchn_status theirs = { .dom = bind.remote_dom, .port = bind.remote_port };
    uint64_t rounds = number("rounds", 100);
    long rc;

    while ((rc = event(EVTCHNOP_bind_interdomain, &bind)) && !number("once", 0))
        clock_sleep(MS);
    if (rc) {
        kprint("call: bind=%ld\n", rc);
        return;
    }
    port_wait(bind.local_port); /* it starts pending */
    for (uint64_t i = 0; i < rounds; i++) {
        (void)port_send(bind.local_port);
        port_wait(bind.local_port);
    }
    kprint("call: answers=%lu status=%ld reset=%ld\n", rounds, event(EVTCHNOP_status, &theirs),
           event(EVTCHNOP_reset, &(struct evtchn_reset){ bind.remote_dom }));
    end_wait((domid_t)number("after", DOMID_SELF));
    if (number("stay", 0))
        unbound_wait("call", bind.local_port);
    else if (number("close", 1))
        (void)event(EVTCHNOP_close, &(struct evtchn_close){ bind.local_port });
}

/* One request about ports, good or not. Those of the library are left alone: they come first. */
static void port_request(void)
{
    domid_t dom = chance(3) ? (domid_t)chance(5) : DOMID_SELF;
    evtchn_port_t port = 8 + (evtchn_port_t)chance(PORTS);
    struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = dom };
    struct evtchn_bind_interdomain bind = { .remote_dom = dom, .remote_port = port };
    struct evtchn_bind_virq virq = { .virq = (uint32_t)(4 + chance(20)) };
    struct evtchn_bind_ipi ipi = { .vcpu = 0 };

    switch (chance(10)) {
    case 0:
        (void)event(EVTCHNOP_alloc_unbound, &alloc);
        break;
    case 1:
    case 2:
    case 3:
        (void)event(EVTCHNOP_bind_interdomain, &bind);
        break;
    case 4:
        (void)event(EVTCHNOP_bind_virq, &virq);
        break;
    case 5:
        (void)event(EVTCHNOP_bind_ipi, &ipi);
        break;
    case 6:
    case 7:
        (void)event(EVTCHNOP_close, &(struct evtchn_close){ port });
        break;
    case 8:
        (void)event(EVTCHNOP_unmask, &(struct evtchn_unmask){ port });
        break;
    default:
        (void)port_send(port);
        break;
    }
}

void job_ports(void)
{
    uint64_t end = clock_ns() + chance(number("within", 30) * MS);

    while (clock_ns() < end)
        port_request();
}

/* Waits for VIRQ_DEBUG. */
void job_debugged(void)
{
    struct evtchn_bind_virq bind = { .virq = VIRQ_DEBUG };

    if (event(EVTCHNOP_bind_virq, &bind))
        guest_panic("no VIRQ_DEBUG");
    kprint("debugged: port=%u\n", bind.port);
    port_wait(bind.port);
    kprint("debugged: told\n");
}

/* A watchdog of a second that nobody feeds. */
void job_dog(void)
{
    struct sched_watchdog dog = { .timeout = 1 };

    kprint("dog: number=%ld\n", hypercall_sched_op(SCHEDOP_watchdog, &dog));
    for (;;)
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
}
