/* SPDX-License-Identifier: MIT */
/*
 * Shares of the CPU; see share.h.
 *
 * Invariant: under share_lock, a vCPU is in its share's list exactly while it is runnable and not
 * running, and a share is in share_list exactly while its own is not empty. The floor never
 * goes back, and no clock of somebody who wants to run is behind it by more than the bonus.
 * Lock order: share_lock is innermost; nothing is called with it held. Caller: dom/sched.c.
 */
#include "dom/share.h"

#include "dom/sched.h"
#include "dom/vcpu.h"

#define CLOCK_SHIFT 10u       /* a clock's unit: at a weight of 1024 a nanosecond */
#define BONUS_NS    5000000ul /* how far behind one may wake */
#define MARGIN_NS   1000000ul /* and how far at least, to take the CPU from another domain */
#define TURN_NS     1000000ul /* a slice while a sibling waits */
#define GRACE_NS    300000ul  /* what is left of it when one wakes */

static struct share idle_share = { .weight = 256 }; /* of what the hypervisor does for the dead */
struct share *share_list;
static uint64_t floor;
static struct spinlock share_lock;

static struct share *share_of(const struct vcpu *v)
{
    return v->domain ? &v->domain->share : &idle_share;
}

static uint64_t weighed(const struct share *s, uint64_t ns)
{
    return (ns << CLOCK_SHIFT) / s->weight;
}

/* Clocks are compared by their distance, which stays small. */
static bool behind(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return behind(a, b) ? b : a;
}

void share_start(struct share *s, uint32_t weight)
{
    *s = (struct share){ .clock = floor, .weight = weight };
}

static void waiting_add(struct share *s, struct vcpu *v)
{
    if (!s->waiting) {
        s->next = share_list;
        share_list = s;
    }
    v->queued = true;
    v->run_next = s->waiting;
    s->waiting = v;
}

static void waiting_remove(struct share *s, struct vcpu *v)
{
    struct share **slink = &share_list;
    struct vcpu **link = &s->waiting;

    while (*link != v)
        link = &(*link)->run_next;
    *link = v->run_next;
    v->queued = false;
    if (s->waiting)
        return;
    while (*slink != s)
        slink = &(*slink)->next;
    *slink = s->next;
}

void share_push(struct vcpu *v, bool woke)
{
    struct share *s = share_of(v);

    spin_lock(&share_lock);
    if (woke) {
        /* The hypervisor's own work has no hurry. */
        s->clock = later(s->clock, s == &idle_share ? floor : floor - weighed(s, BONUS_NS));
        v->time_run = later(v->time_run, s->vcpu_floor - BONUS_NS);
    }
    if (!v->queued)
        waiting_add(s, v);
    spin_unlock(&share_lock);
}

void share_remove(struct vcpu *v)
{
    spin_lock(&share_lock);
    if (v->queued)
        waiting_remove(share_of(v), v);
    spin_unlock(&share_lock);
}

static struct share *share_first(void)
{
    struct share *first = share_list;

    for (struct share *s = share_list; s; s = s->next)
        if (behind(s->clock, first->clock))
            first = s;
    return first;
}

static struct vcpu *vcpu_first(const struct share *s)
{
    struct vcpu *first = s->waiting;

    for (struct vcpu *v = first; v; v = v->run_next)
        if (behind(v->time_run, first->time_run))
            first = v;
    return first;
}

struct vcpu *share_take(void)
{
    struct vcpu *v = 0;
    struct share *s;

    spin_lock(&share_lock);
    s = share_first();
    if (s) {
        v = vcpu_first(s);
        waiting_remove(s, v);
    }
    spin_unlock(&share_lock);
    return v;
}

/* The floors follow the furthest behind of those who run or wait. v runs. */
static void floors_raise(const struct vcpu *v, struct share *s)
{
    const struct share *first = share_first();
    const struct vcpu *sibling = vcpu_first(s);
    uint64_t least = s->clock, run = v->time_run;

    if (first && behind(first->clock, least))
        least = first->clock;
    if (sibling && behind(sibling->time_run, run))
        run = sibling->time_run;
    floor = later(floor, least);
    s->vcpu_floor = later(s->vcpu_floor, run);
}

void share_charge(struct vcpu *v, uint64_t ns)
{
    struct share *s = share_of(v);

    spin_lock(&share_lock);
    s->clock += weighed(s, ns);
    v->time_run += ns;
    floors_raise(v, s);
    spin_unlock(&share_lock);
}

/* Whoever waits, a sibling waits for the turn alone: it may wait for what v holds, and turn in vain. */
uint64_t share_slice(const struct vcpu *v)
{
    if (share_of(v)->waiting)
        return TURN_NS;
    return share_waiting() ? SCHED_SLICE_NS : 0;
}

/*
 * A vCPU that wakes its sibling often does so with a lock held that the sibling wants first, as a
 * kernel's scheduler does; others look on until the sibling has answered. So it goes on for a moment.
 */
uint64_t share_slice_left(const struct vcpu *running, const struct vcpu *woken)
{
    const struct share *s = share_of(woken), *t = share_of(running);

    if (s == t)
        return GRACE_NS;
    return behind(s->clock + weighed(s, MARGIN_NS), t->clock) ? 0 : SCHED_SLICE_NS;
}
