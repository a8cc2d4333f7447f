/* SPDX-License-Identifier: MIT */
/*
 * Time as guests see it: the periodic and single-shot timers of each vCPU, the domain watchdogs,
 * vcpu_time_info. All deadlines are system time in ns, 0 = none.
 *
 * Invariant: each has been armed (cpu/timer.c) since it was set; those of a vCPU that waits for the CPU
 * may be armed when it gets it. One that is gone stays armed: at its time all are looked through.
 *
 * ABI quirks: the periodic tick falls due only while its vCPU runs, and is armed only while
 * VIRQ_TIMER is bound; a deadline that has passed fires at once. The tick may be a little early, so
 * that one that was late does not make the next one late too; a single-shot timer never is.
 */
#include "dom/sched.h"

#include "dom/console.h"
#include "lib/printk.h"
#include "lib/x86.h"

#define TIME_REFRESH_NS 1000000000ull

bool tsc_stable;

static uint64_t earlier(uint64_t a, uint64_t b)
{
    if (!a || !b)
        return a | b;
    return a < b ? a : b;
}

static bool periodic_active(const struct vcpu *v)
{
    return v->time.periodic_ns && v->state == VCPU_RUNNABLE && v->virq_port[VIRQ_TIMER];
}

static uint64_t vcpu_deadline(const struct vcpu *v)
{
    uint64_t next = earlier(v->time.singleshot, v->time.poll_deadline);

    return periodic_active(v) ? earlier(next, v->time.periodic_next) : next;
}

void vcpu_timers_update(const struct vcpu *v)
{
    timer_arm(vcpu_deadline(v));
}

static bool due(uint64_t deadline, uint64_t now)
{
    return deadline && deadline <= now;
}

static void vcpu_expire(struct vcpu *v, uint64_t now)
{
    if (periodic_active(v) && v->time.periodic_next <= now + TIMER_SLOP_NS) {
        v->time.periodic_next = now + v->time.periodic_ns;
        evtchn_raise_virq(v, VIRQ_TIMER);
    }
    if (due(v->time.singleshot, now)) {
        v->time.singleshot = 0;
        evtchn_raise_virq(v, VIRQ_TIMER);
    }
    if (due(v->time.poll_deadline, now))
        sched_wake(v);
    if (now - v->time.refreshed >= TIME_REFRESH_NS)
        vcpu_time_refresh(v);
}

/* What of a domain is due; its nearest deadline behind that. */
static uint64_t domain_expire(struct domain *d, uint64_t now)
{
    uint64_t next;

    if (due(d->watchdog[0], now) || due(d->watchdog[1], now)) {
        printk(LOG_ALWAYS, "Watchdog timer fired for domain %u\n", d->id);
        domain_shutdown(d, SHUTDOWN_watchdog);
        return 0;
    }
    if (due(d->console.flush_at, now))
        console_flush(d);
    next = earlier(d->console.flush_at, earlier(d->watchdog[0], d->watchdog[1]));
    for (unsigned i = 0; i < d->vcpus; i++) {
        vcpu_expire(d->vcpu[i], now);
        next = earlier(next, vcpu_deadline(d->vcpu[i]));
    }
    return next;
}

void vcpu_timers_expire(uint64_t now)
{
    uint64_t next = sched_slice_end();

    if (due(next, now)) {
        vcpu_preempt();
        next = 0;
    }
    for (struct domain *d = domain_list; d; d = d->next)
        if (!d->shut_down)
            next = earlier(next, domain_expire(d, now));
    timer_arm(next);
}

void vcpu_timers_switch(struct vcpu *next, uint64_t now)
{
    if (!next->domain)
        return;
    vcpu_expire(next, now);
    vcpu_timers_update(next);
}

void vcpu_periodic_set(struct vcpu *v, uint64_t period_ns)
{
    v->time.periodic_ns = period_ns;
    v->time.periodic_next = system_time() + period_ns;
    vcpu_timers_update(v);
}

void vcpu_singleshot_set(struct vcpu *v, uint64_t deadline_ns)
{
    v->time.singleshot = deadline_ns;
    if (due(deadline_ns, system_time())) {
        v->time.singleshot = 0;
        evtchn_raise_virq(v, VIRQ_TIMER);
    }
    vcpu_timers_update(v);
}

/* Odd version, then the content, then the next even version, in the order that readers rely on. */
static void time_info_write(volatile struct vcpu_time_info *t, const struct vcpu_time_info *new)
{
    t->version = new->version | 1;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    t->tsc_timestamp = new->tsc_timestamp;
    t->system_time = new->system_time;
    t->tsc_to_system_mul = new->tsc_to_system_mul;
    t->tsc_shift = new->tsc_shift;
    t->flags = new->flags;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    t->version = new->version + 2;
}

/* Through the tables of the current vCPU, whoever it is. */
static void time_area_write(uint64_t va, struct vcpu_time_info new)
{
    struct vcpu *current = vcpu_current();
    uint32_t odd = new.version | 1;

    if (vcpu_write_kernel(current, va, &odd, sizeof(odd)))
        return;
    new.version = odd;
    vcpu_write_kernel(current, va, &new, sizeof(new));
    odd++;
    vcpu_write_kernel(current, va, &odd, sizeof(odd));
}

static struct vcpu_time_info time_refresh(struct vcpu *v)
{
    uint64_t tsc = rdtsc();
    struct vcpu_time_info new = {
        .version = v->time.version,
        .tsc_timestamp = tsc,
        .system_time = tsc_to_ns(tsc),
        .tsc_to_system_mul = tsc_scale.mul,
        .tsc_shift = tsc_scale.shift,
        .flags = tsc_stable ? XEN_PVCLOCK_TSC_STABLE_BIT : 0,
    };

    v->time.version += 2;
    v->time.refreshed = new.system_time;
    time_info_write(&v->info->time, &new);
    return new;
}

void vcpu_time_refresh(struct vcpu *v)
{
    struct vcpu_time_info new = time_refresh(v);

    if (v->time_area_va && v == vcpu_current())
        time_area_write(v->time_area_va, new);
}

void vcpu_time_area_set(struct vcpu *v, uint64_t va)
{
    v->time_area_va = va;
    time_area_write(va, time_refresh(v));
}
