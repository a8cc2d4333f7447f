/* SPDX-License-Identifier: MIT */
/* The clock and the timer interrupt. system_time() and timer_arm() are declared in dom/sched.h. */
#ifndef HV_CPU_TIMER_H
#define HV_CPU_TIMER_H

#include <stdint.h>

/* Calibrates the TSC against the PIT (a few ms) and readies the timer; interrupts stay off. */
void timer_init(void);

/* An interrupt of the machine: vector as in the frame. Does its work and acknowledges it. */
void irq_dispatch(uint32_t vector);

#endif
