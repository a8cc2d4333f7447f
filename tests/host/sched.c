/* SPDX-License-Identifier: MIT */
/* What stands in for the scheduler, the timers and the clock; see sched.h. */
#include "sched.h"

#include <string.h>

#include "dom/sched.h"
#include "lib/x86.h"

struct machine_sched machine_sched;
struct machine_leaf machine_leaves[32];
unsigned machine_leaves_count;
struct tsc_scale tsc_scale;

void sched_stop(struct vcpu *v, enum vcpu_state state)
{
    v->state = (uint8_t)state;
    machine_sched.stops++;
}

void schedule(void)
{
    machine_sched.schedules++;
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
    d->shut_down = true;
    machine_sched.shutdowns++;
    machine_sched.reason = reason;
}

uint64_t system_time(void)
{
    return machine_sched.now;
}

void vcpu_runstate_publish(struct vcpu *v)
{
    (void)v;
    machine_sched.published++;
}

void vcpu_time_area_set(struct vcpu *v, uint64_t va)
{
    v->time_area_va = va;
}

void vcpu_time_refresh(struct vcpu *v)
{
    (void)v;
    machine_sched.time_refreshed++;
}

void vcpu_periodic_set(struct vcpu *v, uint64_t period_ns)
{
    v->time.periodic_ns = period_ns;
}

void vcpu_singleshot_set(struct vcpu *v, uint64_t deadline_ns)
{
    v->time.singleshot = deadline_ns;
}

void wallclock_set(uint64_t seconds, uint32_t ns, uint64_t system_ns)
{
    machine_sched.seconds = seconds;
    machine_sched.ns = ns;
    machine_sched.at = system_ns;
}

bool domain_complete(const struct domain *d)
{
    return d != machine_sched.incomplete;
}

void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
    memset(r, 0, 16);
    for (unsigned i = 0; i < machine_leaves_count; i++)
        if (machine_leaves[i].leaf == leaf && machine_leaves[i].sub == sub)
            memcpy(r, machine_leaves[i].r, 16);
}
