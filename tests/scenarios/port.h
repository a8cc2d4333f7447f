/*
 * SPDX-License-Identifier: MIT
 *
 * port.h - ports of event channels, and of those below 64 the bits in shared_info; from any vCPU.
 */
#ifndef TESTS_SCENARIOS_PORT_H
#define TESTS_SCENARIOS_PORT_H

#include "scenario.h"

static inline evtchn_port_t port_bind_ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi bind = { .vcpu = vcpu };

    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind), 0);
    REQUIRE(bind.port < 64);
    return bind.port;
}

static inline void port_unmask(evtchn_port_t port)
{
    (void)hypercall_event_channel_op(EVTCHNOP_unmask, &(struct evtchn_unmask){ port });
}

static inline void port_mask(evtchn_port_t port)
{
    __atomic_fetch_or(&shared_info_page.evtchn_mask[0], 1UL << port, __ATOMIC_SEQ_CST);
}

static inline long port_send(evtchn_port_t port)
{
    return hypercall_event_channel_op(EVTCHNOP_send, &(struct evtchn_send){ port });
}

static inline long port_close(evtchn_port_t port)
{
    return hypercall_event_channel_op(EVTCHNOP_close, &(struct evtchn_close){ port });
}

/* Masked first, for whatever may still come. */
static inline void port_drop(evtchn_port_t port)
{
    port_mask(port);
    EXPECT_EQ(port_close(port), 0);
}

static inline bool port_take(evtchn_port_t port)
{
    return __atomic_fetch_and(&shared_info_page.evtchn_pending[0], ~(1UL << port),
                              __ATOMIC_SEQ_CST) >>
               port &
           1;
}

static inline bool port_is_pending(evtchn_port_t port)
{
    return *(volatile xen_ulong_t *)shared_info_page.evtchn_pending >> port & 1;
}

#endif
