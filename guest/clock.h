/*
 * SPDX-License-Identifier: MIT
 *
 * clock.h - time: the vCPU's system time, the wall clock, one timer.
 */
#ifndef GUEST_CLOCK_H
#define GUEST_CLOCK_H

#include <abi/abi.h>

/* Binds the timer's virtual interrupt; the 100 Hz periodic timer of a new vCPU is stopped. */
void clock_init(void);

/* Nanoseconds of system time, monotonic. */
uint64_t clock_ns(void);

/* Wall clock: nanoseconds since 1970, by the hypervisor's time base. */
uint64_t clock_wall_ns(void);

/* Lets other threads run, or blocks, until `ns` nanoseconds have passed. */
void clock_sleep(uint64_t ns);

/* Timer interrupts that arrived so far. */
uint64_t clock_ticks(void);

#endif
