/* SPDX-License-Identifier: MIT */
/*
 * The states of vCPUs and the switch between them. Who runs next is dom/share.c's to say.
 *
 * Invariant: a vCPU waits there exactly while it is runnable and not current. The idle vCPU waits
 * there only while it has work, the end of a domain, which thus gets its share of a busy CPU and no
 * more; otherwise it runs when nobody waits.
 */
#include "dom/sched.h"

#include "dom/share.h"
#include "hooks.h"
#include "lib/printk.h"

static struct vcpu idle;
struct vcpu *idle_vcpu = &idle;

static uint64_t slice_end;
static uint64_t charged; /* system time up to which the current vCPU has paid */
static bool idle_work;

void sched_init(void)
{
    idle.cpu = this_cpu();
    vcpu_exit_work(&idle);
    idle.state = VCPU_BLOCKED;
    idle.cr3_kernel = idle_root_pa;
    this_cpu()->current = &idle;
    this_cpu()->pt_work = &idle.pt_work;
}

uint64_t sched_slice_end(void)
{
    return slice_end;
}

static int runstate_of(const struct vcpu *v)
{
    switch (v->state) {
    case VCPU_RUNNABLE:
        return RUNSTATE_runnable;
    case VCPU_BLOCKED:
        return RUNSTATE_blocked;
    default:
        return RUNSTATE_offline;
    }
}

static void charge(struct vcpu *v, uint64_t now)
{
    if (v != &idle || idle_work)
        share_charge(v, now - charged);
    charged = now;
}

static bool wants_cpu(const struct vcpu *v)
{
    return v == &idle ? idle_work : sched_runnable(v);
}

/* The CPU changes hands, or stays where it is. Who yields takes its turn after all others. */
static void switch_to_next(bool yields)
{
    struct percpu *cpu = this_cpu();
    struct vcpu *prev = cpu->current, *next = 0;
    uint64_t now, slice;

    cpu->preempt_pending = 0;
    if (__builtin_expect(owner_frames_gone, 0))
        sched_idle_work();
    now = system_time(); /* not before what sched_idle_work() charged */
    charge(prev, now);
    if (yields)
        next = share_take();
    if (wants_cpu(prev))
        share_push(prev, false);
    if (!next)
        next = share_take();
    if (!next)
        next = &idle;
    slice = share_slice(next);
    slice_end = slice ? now + slice : 0;
    timer_arm(slice_end);
    if (next == prev)
        return;
    if (prev != &idle) {
        vcpu_runstate_enter(prev, runstate_of(prev), now);
        vcpu_runstate_publish(prev);
    }
    if (next != &idle)
        vcpu_runstate_enter(next, RUNSTATE_running, now);
    vcpu_timers_switch(next, now);
    cpu_switch(prev, next);
    /* Scheduled again: prev is current, on its own stack and page table. */
    if (prev != &idle)
        vcpu_runstate_publish(prev);
}

void schedule(void)
{
    switch_to_next(false);
}

void sched_yield(void)
{
    if (share_waiting())
        switch_to_next(true);
}

void sched_block(void)
{
    struct vcpu *v = vcpu_current();

    if (evtchn_deliverable(v))
        return;
    v->state = VCPU_BLOCKED;
    schedule();
}

/* v has become runnable: the one that has the CPU loses it at once, or sooner than it would have. */
static void sched_add(struct vcpu *v)
{
    struct vcpu *current = vcpu_current();
    uint64_t now = system_time(), left;

    charge(current, now);
    share_push(v, true);
    left = wants_cpu(current) ? share_slice_left(current, v) : 0;
    if (!left) {
        vcpu_preempt();
    } else if (!slice_end || slice_end > now + left) {
        slice_end = now + left;
        timer_arm(slice_end);
    }
}

void sched_idle_work(void)
{
    if (idle_work)
        return;
    idle_work = true;
    if (vcpu_current() == &idle)
        return;
    sched_add(&idle);
}

void sched_wake(struct vcpu *v)
{
    v->polling = false;
    v->time.poll_deadline = 0;
    if (v->state == VCPU_BLOCKED) {
        v->state = VCPU_RUNNABLE;
        vcpu_runstate_enter(v, RUNSTATE_runnable, system_time());
        sched_add(v);
    } else if (v->blocked) {
        v->blocked = false;
        vcpu_runstate_enter(v, RUNSTATE_offline, system_time());
    }
}

void sched_start(struct vcpu *v)
{
    if (v->state != VCPU_DOWN)
        return;
    v->state = VCPU_BLOCKED;
    if (!v->blocked)
        sched_wake(v);
    v->blocked = false;
}

/* A blocked one counts as blocked, even down, until it is woken: so the ABI accounts for its time. */
void sched_stop(struct vcpu *v, enum vcpu_state state)
{
    v->blocked = v->state == VCPU_BLOCKED;
    v->state = state;
    share_remove(v);
    if (v == vcpu_current())
        vcpu_preempt();
    else if (!v->blocked)
        vcpu_runstate_enter(v, RUNSTATE_offline, system_time());
}

void sched_idle_loop(void)
{
    for (;;) {
        domain_reap();
        idle_work = false;
        if (share_waiting())
            schedule();
        else
            cpu_idle_wait();
    }
}

void hook_reschedule(void)
{
    timer_poll();
    schedule();
}
