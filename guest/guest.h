/*
 * SPDX-License-Identifier: MIT
 *
 * guest.h - what a kernel made of this library sees first.
 *
 * Link with the library, define guest_main, and the rest is there: traps, console, demand-paged
 * memory, newlib, threads.  When guest_main returns, the domain powers off.
 */
#ifndef GUEST_H
#define GUEST_H

#include <abi/abi.h>

/* The kernel's own code; the library's weak default runs the scenarios that are linked in. */
void guest_main(const start_info_t *si);

/* Drains the console and shuts the domain down (SHUTDOWN_poweroff, _reboot, _crash). */
void guest_shutdown(unsigned int reason) __attribute__((noreturn));

/* Prints why, calls guest_panic_hook, and shuts down with SHUTDOWN_crash. */
void guest_panic(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Called by guest_panic, when set: a kernel's last words. */
extern void (*guest_panic_hook)(void);

extern const start_info_t *guest_start_info;
extern uint64_t guest_first_tsc; /* the TSC at the kernel's first instruction */
extern shared_info_t shared_info_page;

static inline vcpu_info_t *guest_vcpu_info(void)
{
    return &shared_info_page.vcpu_info[0];
}

/* Address of the last page fault; only events masked keep it from changing. */
static inline uint64_t guest_cr2(void)
{
    return *(volatile uint64_t *)&guest_vcpu_info()->arch.cr2;
}

#endif
