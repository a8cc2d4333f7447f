/* SPDX-License-Identifier: MIT */
/*
 * Which vCPU runs: by domains' weights and by time slice (dom/share.h); the idle vCPU (idle page table,
 * sti; hlt) when there is none. Each vCPU has its own hypervisor stack, so schedule() may be called
 * from any place that holds no lock.
 */
#ifndef HV_DOM_SCHED_H
#define HV_DOM_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "dom/vcpu.h"

extern struct vcpu *idle_vcpu;

void sched_init(void);

/* Nanoseconds of one time slice, and of the periodic timer that a vCPU starts with. */
#define SCHED_SLICE_NS    10000000ull
#define PERIODIC_START_NS 10000000ull

/*
 * Gives the CPU to the next runnable vCPU; returns when the caller is scheduled again (never, if
 * its vCPU was stopped). Clears preempt_pending.
 */
void schedule(void);

/* SCHEDOP_yield: another vCPU that is runnable runs first; nothing otherwise. */
void sched_yield(void);

/* The boot CPU becomes the idle vCPU: runs what is runnable, buries dead domains, halts. */
__attribute__((noreturn)) void sched_idle_loop(void);

/* Ends a vCPU's being VCPU_DOWN: the builder's last act, VCPUOP_up. One that was blocked still is. */
void sched_start(struct vcpu *v);

/* End of the running vCPU's time slice, 0 while nobody else wants the CPU. */
uint64_t sched_slice_end(void);

/* Takes v off the CPU for good, or until sched_wake(): VCPU_DOWN or VCPU_STOPPED. */
void sched_stop(struct vcpu *v, enum vcpu_state state);

/* True if v may run now. */
static inline bool sched_runnable(const struct vcpu *v)
{
    return v->state == VCPU_RUNNABLE;
}

/* Blocks the current vCPU until sched_wake(). */
void sched_block(void);

/* There is something for the idle loop to do, and it is to get a share of the CPU until it is done. */
void sched_idle_work(void);

/* Makes v runnable if it was blocked; it gets the CPU soon if it has had less of it than others. */
void sched_wake(struct vcpu *v);

/* hypercall sched_op. */
long sched_op(unsigned cmd, uint64_t arg_va);

/*
 * Implemented in cpu/: saves the callee-saved context of prev on its stack and resumes next on its
 * own; loads next's CR3, segments, bases, FPU and debug state lazily or now.
 */
void cpu_switch(struct vcpu *prev, struct vcpu *next);

/*
 * A new vCPU's first way out: its stack is prepared so that cpu_switch() to it enters the guest with
 * v->regs; RFLAGS, CS and SS there are forced to what a guest may have. Also gives it exit_test and
 * its mode, its GDT window and a fresh FPU image (unless fpu_initialised). Needs stack_top and info.
 * 0, or -ENOMEM.
 */
int cpu_prepare_first_entry(struct vcpu *v);

/*
 * The GDT window of a vCPU in its domain's slot 260: pages 0-13 as v->gdt_mfn says (a page of zeroes
 * where it says MFN_NONE), page 14 the ABI's and the hypervisor's own entries. Called at creation and
 * after each change of gdt_mfn; flushes if v is current. 0, or -ENOMEM.
 */
int cpu_gdt_map(struct vcpu *v);

/* Loads the LDT register of the current vCPU after ldt_va or ldt_entries changed. */
void cpu_ldt_load(struct vcpu *v);

/*
 * Loads a selector (RPL as given) into DS, ES or FS, or into the guest's GS, of the current vCPU.
 * A selector that faults loads NUL instead and gives false. The base of FS or GS changes with it.
 */
enum cpu_segment { CPU_DS, CPU_ES, CPU_FS, CPU_GS };
bool cpu_segment_load(enum cpu_segment segment, uint16_t selector);

/* Frees what the FPU keeps of v (it may own the registers); before its memory goes. */
void fpu_forget(struct vcpu *v);
/* CR0.TS as the guest sees it, in v and in the CPU. v is current. */
void fpu_set_ts(struct vcpu *v, bool set);

/* Interrupts on and halt, then off again: the idle loop's rest. */
void cpu_idle_wait(void);

/*
 * The clock (cpu/timer.c). scale is the ABI's conversion, as in vcpu_time_info:
 * ns = ((tsc - tsc_base) shifted left by shift, or right if it is negative) * mul >> 32.
 */
struct tsc_scale {
    uint64_t tsc_base; /* TSC when system time was 0 */
    uint32_t mul;
    int8_t shift;
    uint32_t khz;
};
extern struct tsc_scale tsc_scale;
/* clocksource=tsc: guests are told that they need compare the clocks of their vCPUs no more. */
extern bool tsc_stable;

/* System time in ns since boot. */
uint64_t system_time(void);
/* vcpu_timers_expire() is wanted at that system time, or a little later; 0 = not. */
void timer_arm(uint64_t deadline_ns);
/* What may be done before its time: then it comes this much early at most. */
#define TIMER_SLOP_NS 50000ull
/* Does what the timer interrupt would, if it is due: for long work with interrupts off. */
void timer_poll(void);

/* System time of a TSC reading. */
static inline uint64_t tsc_to_ns(uint64_t tsc)
{
    uint64_t ticks = tsc - tsc_scale.tsc_base;

    ticks = tsc_scale.shift < 0 ? ticks >> -tsc_scale.shift : ticks << tsc_scale.shift;
    return (uint64_t)(((unsigned __int128)ticks * tsc_scale.mul) >> 32);
}

/* ---- dom/timer.c, dom/wallclock.c ---- */

/* Writes wc_sec and friends of d's shared_info; the first call reads the machine's clock. */
void wallclock_refresh(struct domain *d);
/* It was so much past 1970 at that system time; all domains learn of it. */
void wallclock_set(uint64_t seconds, uint32_t ns, uint64_t system_ns);
/* Arms v's nearest deadline. Called on changes. */
void vcpu_timers_update(const struct vcpu *v);
/* From the timer interrupt: fires what is due, arms all that is not. */
void vcpu_timers_expire(uint64_t now);
/* Next is about to run: its periodic tick falls due only while it runs. */
void vcpu_timers_switch(struct vcpu *next, uint64_t now);
/* A periodic tick every period_ns for v from now on (0 = none), and a single one at deadline_ns. */
void vcpu_periodic_set(struct vcpu *v, uint64_t period_ns);
void vcpu_singleshot_set(struct vcpu *v, uint64_t deadline_ns);
/* Writes vcpu_time_info (and, for the current vCPU, its registered copy) for v. */
void vcpu_time_refresh(struct vcpu *v);
/* Registers the copy at va, and writes it at once, through the tables of the current vCPU. */
void vcpu_time_area_set(struct vcpu *v, uint64_t va);

#endif
