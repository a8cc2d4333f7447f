/* SPDX-License-Identifier: MIT */
/* What stands in for the scheduler, timers and consoles where event channels need them; see events.h. */
#include "events.h"

#include <string.h>

#include "dom/console.h"
#include "dom/sched.h"
#include "pv/priv_op.h"

unsigned machine_wakes[MACHINE_VCPUS];
static shared_info_t shared[2];

void sched_wake(struct vcpu *v)
{
    v->polling = v->blocked = false;
    if (v->state != VCPU_BLOCKED)
        return;
    v->state = VCPU_RUNNABLE;
    machine_wakes[v - machine_vcpu]++;
}

void sched_start(struct vcpu *v)
{
    v->state = VCPU_RUNNABLE;
}

void vcpu_timers_update(const struct vcpu *v)
{
    (void)v;
}

void console_ring_drain(struct domain *d)
{
    (void)d;
}

uint64_t cr4_guest(uint64_t value)
{
    return value & 0xc;
}

int cpu_prepare_first_entry(struct vcpu *v)
{
    vcpu_set_mode(v, v->in_user);
    return 0;
}

void vcpu_set_mode(struct vcpu *v, bool user)
{
    v->in_user = user;
}

void events_begin(void)
{
    domain_list = &machine_control;
    machine_control.next = &machine_guest;
    machine_guest.next = 0;
    memset(machine_wakes, 0, sizeof(machine_wakes));
    memset(shared, 0, sizeof(shared));
    for (struct domain *d = domain_list; d; d = d->next) {
        d->shared = &shared[d->id];
        assert_true(evtchn_init(d));
        for (unsigned i = 0; i < d->vcpus; i++) {
            d->vcpu[i]->info = &d->shared->vcpu_info[i];
            d->vcpu[i]->state = VCPU_RUNNABLE;
        }
    }
}

void events_end(void)
{
    for (struct domain *d = domain_list; d; d = d->next)
        evtchn_destroy(d);
    domain_list = 0;
}

long op_event(unsigned cmd, void *arg)
{
    const size_t bytes = sizeof(evtchn_status_t);
    long rc;

    memcpy(machine_requests(), arg, bytes);
    rc = evtchn_op(cmd, GUEST_REQUESTS);
    memcpy(arg, machine_requests(), bytes);
    return rc;
}

unsigned events_audit(void)
{
    struct audit a = { 0 };

    evtchn_audit(&a, domain_list);
    return a.found;
}
