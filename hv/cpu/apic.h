/* SPDX-License-Identifier: MIT */
/* The local APIC, where it can be used: its timer, and a wire from the 8259s to the CPU. */
#ifndef HV_CPU_APIC_H
#define HV_CPU_APIC_H

#include <stdbool.h>
#include <stdint.h>

#define APIC_TIMER_VECTOR    0xf0u
#define APIC_SPURIOUS_VECTOR 0xffu

/* Finds it and makes it a wire; without this, or if there is none to be used, the rest does nothing. */
void apic_init(void);

/*
 * Lets the timer count down from its largest value, silently; the ticks since then, 0 without an
 * APIC.
 */
void apic_count_start(void);
uint32_t apic_count(void);

/* From now on the timer can be armed; hz is its measured rate. False if it cannot. */
bool apic_timer_init(uint64_t hz);

/* An interrupt in ns from now, or as far on as the counter reaches; if repeating, each time again. */
void apic_timer_arm(uint64_t ns, bool repeating);
void apic_timer_stop(void);

/* The interrupt that came from it is taken. */
void apic_eoi(void);

#endif
