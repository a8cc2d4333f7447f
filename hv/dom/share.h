/* SPDX-License-Identifier: MIT */
/*
 * Shares of the CPU. Each domain has a clock that advances while one of its vCPUs runs, the slower
 * the greater its weight; the domain whose clock is furthest behind runs next, and in it the vCPU
 * that has run least. Who waits without wanting to run falls behind by no more than a bonus: it gets
 * the CPU soon when it wakes, but saves nothing up.
 */
#ifndef HV_DOM_SHARE_H
#define HV_DOM_SHARE_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

struct share {
    uint64_t clock; /* time run, divided by the weight */
    uint64_t
        vcpu_floor; /* no vCPU of it is counted as having run less than this, but for the bonus */
    uint32_t weight;
    struct vcpu *waiting; /* runnable and not running, in no order */
    struct share *next;   /* of those in which somebody waits */
};

extern struct share *share_list;

/* Somebody wants the CPU who does not have it. */
static inline bool share_waiting(void)
{
    return share_list;
}

/* A domain's share begins, level with the others. */
void share_start(struct share *s, uint32_t weight);

/* v, which does not run, wants to; woke: it did not until now. */
void share_push(struct vcpu *v, bool woke);

/* v does not want to run any more. Nothing if it did not wait. */
void share_remove(struct vcpu *v);

/* Takes whoever is to run next, or 0. */
struct vcpu *share_take(void);

/* v has run for so long. */
void share_charge(struct vcpu *v, uint64_t ns);

/*
 * For how many nanoseconds v, to whom the CPU goes, may keep it: 0 = without end, nobody else wants
 * it.
 */
uint64_t share_slice(const struct vcpu *v);

/* For how many more running may keep it now that woken wants it: 0 = not at all. */
uint64_t share_slice_left(const struct vcpu *running, const struct vcpu *woken);

#endif
