/* SPDX-License-Identifier: MIT */
/* The stage of tests of event channels' ports, and requests as a guest makes them. */
#ifndef TESTS_HOST_PORTS_H
#define TESTS_HOST_PORTS_H

#include "events.h"

union arg {
    evtchn_alloc_unbound_t alloc_unbound;
    evtchn_bind_interdomain_t bind_interdomain;
    evtchn_bind_virq_t bind_virq;
    evtchn_bind_ipi_t bind_ipi;
    evtchn_close_t close;
    evtchn_send_t send;
    evtchn_status_t status;
    evtchn_bind_vcpu_t bind_vcpu;
    evtchn_unmask_t unmask;
    evtchn_reset_t reset;
};

static inline int stage(void **state)
{
    machine_setup(state);
    events_begin();
    return 0;
}

static inline int unstage(void **state)
{
    assert_int_equal(events_audit(), 0);
    events_end();
    return machine_teardown(state);
}

/* The request is copied, and the auditor has nothing to say. */
static inline long ask(unsigned cmd, union arg u)
{
    long rc = op_event(cmd, &u);

    assert_int_equal(events_audit(), 0);
    return rc;
}

#endif
