/* SPDX-License-Identifier: MIT */
/*
 * State of one physical CPU, reached through the word at the GS base while the hypervisor runs: the
 * base is the current vCPU, or this structure before there is one, and either begins with a pointer
 * to the CPU's struct percpu. Nothing here is shared: another CPU's copy is never read or written
 * except where a field says so. Offsets of fields that assembly uses are generated (cpu/offsets.c).
 */
#ifndef HV_LIB_PERCPU_H
#define HV_LIB_PERCPU_H

#include <stdint.h>

struct vcpu;
struct pt_work;

struct refusal {      /* why the last lower-level step refused; see mm/refusal.h */
    const char *rule; /* name of the rule, 0 = none recorded */
    uint64_t mfn;     /* frame the rule was applied to, ~0 = none */
    uint64_t entry;   /* page-table entry or descriptor that was looked at */
    uint32_t slot;    /* its index within the table, ~0 = none */
    uint32_t level;   /* 1..4, 0 = none */
};

struct percpu {
    struct percpu *self;      /* first, so that %gs:0 gives the address */
    struct vcpu *current;     /* vCPU whose context is loaded; the idle vCPU when none */
    uint32_t preempt_pending; /* not 0: something wants the CPU. Set by vcpu_preempt() only */
    uint32_t cpu_id;
    uint64_t timer_tsc;      /* TSC at which the armed timer interrupt is due, ~0 = none */
    uint32_t preempt_checks; /* counts hook_preempt() */
    uint64_t flush_clock;    /* counts full TLB flushes of this CPU; see mm/tlb.h */
    uint64_t cr3;            /* value last loaded into CR3 */
    struct pt_work *pt_work; /* unfinished page-table cleanup of current */
    struct refusal refusal;
    uint64_t scratch[4];
};

#include "percpu_arch.h" /* hv/config or tests/host/config: this_cpu() */

#endif
