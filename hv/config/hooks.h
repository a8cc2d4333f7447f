/* SPDX-License-Identifier: MIT */
/*
 * The seams at which the host build takes hold of hv/mm and hv/pt. Here they cost nothing or one
 * load; tests/host/config/hooks.h stands in for this file in the host build and injects failures,
 * preemptions, second values of guest words and CPU switches through the same names.
 */
#ifndef HV_CONFIG_HOOKS_H
#define HV_CONFIG_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/atomic.h"
#include "lib/percpu.h"
#include "lib/printk.h"
#include "lib/x86.h"

/* Every so many checks the clock is read. */
#define PREEMPT_CLOCK_CHECKS 32u

/*
 * True when long work should stop at the next safe point and be resumed later: another vCPU wants
 * the CPU, or a timer interrupt is due, which can come only when the guest runs.
 */
static inline bool hook_preempt(void)
{
    struct percpu *cpu = this_cpu();

    if (cpu->preempt_pending)
        return true;
    if (++cpu->preempt_checks % PREEMPT_CLOCK_CHECKS)
        return false;
    return rdtsc() >= cpu->timer_tsc;
}

/* The same for who asks seldom, a fraction of a millisecond apart: the clock is read each time. */
static inline bool hook_preempt_now(void)
{
    struct percpu *cpu = this_cpu();

    return cpu->preempt_pending || rdtsc() >= cpu->timer_tsc;
}

/* Whether the short ways through common requests are taken: not while each step is traced. */
static inline bool hook_fast(void)
{
    return !trace_on;
}

/* Whether the registers of the FPU can be borrowed: not while a use of them is the guest's to see. */
static inline bool hook_wide(void)
{
    return !(read_cr0() & CR0_TS);
}

/* A fallible step (reference, type, allocation, lock) asks whether it is to fail by injection. */
static inline bool hook_fail(void)
{
    return false;
}

/* The one read of a guest-writable 64-bit word that a decision may depend on. */
static inline uint64_t hook_guest_read64(const uint64_t *word)
{
    return atomic_read(word);
}

/* A point at which another CPU's step may fall between two of ours. */
static inline void hook_shared_access(void)
{
}

/* Lets other vCPUs run while cleanup work of this one is unfinished; returns when scheduled again. */
void hook_reschedule(void);

#endif
