/* SPDX-License-Identifier: MIT */
/* The clock and the timer interrupt. system_time() and timer_arm() are declared in dom/sched.h. */
#ifndef HV_CPU_TIMER_H
#define HV_CPU_TIMER_H

#include <stdint.h>

/* In clock.c: starts system time (a few ms). Gives the rate of the APIC's timer in Hz, or 0. */
uint64_t clock_init(void);

/*
 * Calibrates the TSC against the PIT (a few ms), starts system time, and readies the interrupts of
 * timer and serial input; they come once a guest or the idle loop runs.
 */
void timer_init(void);

/* The timer's interrupt came. */
void timer_interrupt(void);

/* In irq.c: an interrupt of the machine: vector as in the frame. Does its work and acknowledges it. */
void irq_dispatch(uint32_t vector);

#endif
