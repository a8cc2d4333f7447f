/* SPDX-License-Identifier: MIT */
/*
 * In place of the scheduler, the timers and the clock of vcpu_op (sched.c): what was asked of them,
 * last and how often.
 */
#ifndef TESTS_HOST_SCHED_H
#define TESTS_HOST_SCHED_H

#include "machine.h"

struct machine_sched {
    unsigned stops, schedules, shutdowns, published, time_refreshed;
    uint8_t reason;       /* of the last shutdown */
    uint64_t now;         /* system time */
    uint64_t seconds, at; /* what the clock was set to, at which system time */
    uint32_t ns;
    const struct domain *incomplete; /* this one is still being built */
};
/* The machine's CPUID: n leaves. */
struct machine_leaf {
    uint32_t leaf, sub, r[4];
};
extern struct machine_leaf machine_leaves[32];
extern unsigned machine_leaves_count;

extern struct machine_sched machine_sched; /* tests set it to 0 */

#endif
