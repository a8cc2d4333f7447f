/*
 * SPDX-License-Identifier: MIT
 *
 * second.h - further vCPUs for scenarios: bare ones, beside the library, which knows only vCPU 0.
 *
 * A second vCPU runs one function at a time, on a stack of its own and the kernel's page tables, with
 * events masked until it unmasks them.  It must not call what belongs to vCPU 0: verdicts, regions,
 * pages, threads, the console.  What it wants to say it leaves in memory.
 */
#ifndef SCENARIO_SECOND_H
#define SCENARIO_SECOND_H

#include "scenario.h"

#define SECONDS_MAX 3U /* vCPUs 1 to 3 */

struct second {
    unsigned int id; /* vCPU */
    void (*volatile fn)(struct second *self);
    void *arg;
    /* Both may be changed by fn while it runs. fault: true when the access may go on. */
    bool (*volatile fault)(struct second *self, uint64_t cr2, uint32_t error);
    void (*volatile event)(struct second *self);
    volatile uint64_t started, finished; /* jobs */
    volatile uint64_t died;              /* vector and error of a trap that was not handled, + 1 */
    volatile uint64_t died_at, died_cr2;
};

/* vCPUs beside the first that this domain has, up to SECONDS_MAX. */
unsigned int seconds(void);

/* Ends the scenario with SKIP if there are fewer than n. */
void seconds_require(unsigned int n);

/* Starts vCPU n (1, 2, ...) on fn and returns at once; fault and event handlers are none. */
struct second *second_start(unsigned int n, void (*fn)(struct second *self), void *arg);

/* Waits until its function has returned and the vCPU is down; FAILURE if it died of a trap. */
void second_join(struct second *s);

/* What vCPU n would be initialised with: a valid context that runs what second_start() says. */
void second_context(unsigned int n, struct vcpu_guest_context *context);

/* On any vCPU: its own vcpu_info; gives up the CPU; waits until *word is value. */
vcpu_info_t *second_info(unsigned int vcpu);
void second_yield(void);
void second_wait(const volatile uint64_t *word, uint64_t value);

/* The state that the hypervisor says vCPU n is in; waits until that is "blocked". */
int second_state(unsigned int n);
void second_blocked_wait(unsigned int n);

/* Clears upcall_pending and the selector, and gives the pending unmasked ports below 64. */
uint64_t second_ports(unsigned int vcpu);

#endif
