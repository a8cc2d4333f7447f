/* SPDX-License-Identifier: MIT */
/*
 * Round robin over the runnable vCPUs, one queue under sched_lock.
 *
 * Invariant: a vCPU is in the queue exactly while it is runnable and not current; the running one
 * is in no queue. The idle vCPU is never queued: it runs when the queue is empty.
 * Lock order: sched_lock is innermost; nothing is called with it held.
 */
#include "dom/sched.h"

#include "hooks.h"
#include "lib/printk.h"

static struct vcpu idle;
struct vcpu *idle_vcpu = &idle;

static struct spinlock sched_lock;
static struct vcpu *queue_head, **queue_tail = &queue_head;
static uint64_t slice_end;

static void queue_push(struct vcpu *v)
{
    spin_lock(&sched_lock);
    if (!v->queued) {
        v->queued = true;
        v->run_next = 0;
        *queue_tail = v;
        queue_tail = &v->run_next;
    }
    spin_unlock(&sched_lock);
}

static struct vcpu *queue_pop(void)
{
    struct vcpu *v;

    spin_lock(&sched_lock);
    v = queue_head;
    if (v) {
        queue_head = v->run_next;
        if (!queue_head)
            queue_tail = &queue_head;
        v->queued = false;
    }
    spin_unlock(&sched_lock);
    return v;
}

static void queue_remove(struct vcpu *v)
{
    struct vcpu **link = &queue_head;

    spin_lock(&sched_lock);
    if (v->queued) {
        while (*link != v)
            link = &(*link)->run_next;
        *link = v->run_next;
        if (queue_tail == &v->run_next)
            queue_tail = link;
        v->queued = false;
    }
    spin_unlock(&sched_lock);
}

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

void schedule(void)
{
    struct percpu *cpu = this_cpu();
    struct vcpu *prev = cpu->current, *next;
    uint64_t now;

    cpu->preempt_pending = 0;
    if (prev != &idle && sched_runnable(prev))
        queue_push(prev);
    next = domain_reap_wanted() ? 0 : queue_pop();
    if (!next)
        next = &idle;
    now = system_time();
    slice_end = queue_head ? now + SCHED_SLICE_NS : 0;
    if (next == prev) {
        vcpu_timers_update();
        return;
    }
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

void sched_yield(void)
{
    if (queue_head)
        schedule();
}

void sched_block(void)
{
    struct vcpu *v = vcpu_current();

    if (evtchn_deliverable(v))
        return;
    v->state = VCPU_BLOCKED;
    schedule();
}

/* Somebody became runnable: an idle CPU takes it at once, a busy one at the end of a slice. */
static void sched_kick(void)
{
    if (vcpu_current() == &idle) {
        vcpu_preempt();
    } else if (!slice_end) {
        slice_end = system_time() + SCHED_SLICE_NS;
        vcpu_timers_update();
    }
}

void sched_wake(struct vcpu *v)
{
    v->polling = false;
    v->time.poll_deadline = 0;
    if (v->state == VCPU_BLOCKED) {
        v->state = VCPU_RUNNABLE;
        vcpu_runstate_enter(v, RUNSTATE_runnable, system_time());
        queue_push(v);
        sched_kick();
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
    queue_remove(v);
    if (v == vcpu_current())
        vcpu_preempt();
    else if (!v->blocked)
        vcpu_runstate_enter(v, RUNSTATE_offline, system_time());
}

void sched_idle_loop(void)
{
    for (;;) {
        domain_reap();
        if (queue_head)
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
