/*
 * SPDX-License-Identifier: MIT
 *
 * death-event: an event is deliverable and there is no callback.
 *
 * Background: a callback address of 0 is accepted, and means none.
 *
 * Steps: set_callbacks with zeros; an event channel to ourselves, sent with events unmasked.
 *
 * Expected: the domain dies.
 *
 * Dies: (vcpu#0) crashed on cpu#0
 */
#include "scenario.h"

#include "events.h"

SCENARIO_FLAGS(death_event, "death-event", "an event without a callback", SCENARIO_ALONE)
{
    struct evtchn_bind_ipi bind = { .vcpu = 0 };
    struct evtchn_send send;

    REQUIRE(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind) == 0);
    REQUIRE(event_bind(bind.port, NULL) == 0);
    (void)events_mask();
    REQUIRE(hypercall_set_callbacks(0, 0, 0) == 0);
    send.port = bind.port;
    REQUIRE(hypercall_event_channel_op(EVTCHNOP_send, &send) == 0);
    events_restore(false);
}
