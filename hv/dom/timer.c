/* SPDX-License-Identifier: MIT */
/*
 * Time as guests see it: the periodic and single-shot timers of each vCPU, the domain watchdogs,
 * vcpu_time_info. All deadlines are system time in ns, 0 = none; the nearest one is armed in the
 * hardware (cpu/timer.c).
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

void vcpu_timers_update(void)
{
    uint64_t next = sched_slice_end();

    for (const struct domain *d = domain_list; d; d = d->next) {
        if (d->shut_down)
            continue;
        next = earlier(next, earlier(d->watchdog[0], d->watchdog[1]));
        next = earlier(next, d->console.flush_at);
        for (unsigned i = 0; i < d->vcpus; i++)
            next = earlier(next, vcpu_deadline(d->vcpu[i]));
    }
    timer_arm(next);
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

void vcpu_timers_expire(uint64_t now)
{
    if (due(sched_slice_end(), now))
        vcpu_preempt();
    for (struct domain *d = domain_list; d; d = d->next) {
        if (d->shut_down)
            continue;
        if (due(d->watchdog[0], now) || due(d->watchdog[1], now)) {
            printk(LOG_ALWAYS, "Watchdog timer fired for domain %u\n", d->id);
            domain_shutdown(d, SHUTDOWN_watchdog);
            continue;
        }
        if (due(d->console.flush_at, now))
            console_flush(d);
        for (unsigned i = 0; i < d->vcpus; i++)
            vcpu_expire(d->vcpu[i], now);
    }
    vcpu_timers_update();
}

void vcpu_timers_switch(struct vcpu *next, uint64_t now)
{
    if (next->domain)
        vcpu_expire(next, now);
    vcpu_timers_update();
}

void vcpu_periodic_set(struct vcpu *v, uint64_t period_ns)
{
    v->time.periodic_ns = period_ns;
    v->time.periodic_next = system_time() + period_ns;
    vcpu_timers_update();
}

void vcpu_singleshot_set(struct vcpu *v, uint64_t deadline_ns)
{
    v->time.singleshot = deadline_ns;
    if (due(deadline_ns, system_time())) {
        v->time.singleshot = 0;
        evtchn_raise_virq(v, VIRQ_TIMER);
    }
    vcpu_timers_update();
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
