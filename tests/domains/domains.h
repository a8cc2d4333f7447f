/* SPDX-License-Identifier: MIT */
/* The jobs of a domain among others, and what they share. */
#ifndef DOMAINS_H
#define DOMAINS_H

#include <abi/abi.h>

/* The value of a word on the command line, as a number. */
uint64_t number(const char *name, uint64_t otherwise);

/* A number below limit, another one at each call and in each domain. */
uint64_t chance(uint64_t limit);

/* Nanoseconds that this vCPU has run so far, as the hypervisor counts them. */
uint64_t time_run(void);

/* ---- talk.c ---- */

void job_echo(void);   /* gives back each line that is typed, until `quit` */
void job_halves(void); /* writes a line in two halves, a pause between them */

/* ---- call.c ---- */

void job_offer(
    void); /* answers rounds=N calls of domain to=N at port=N; stay=1: until that one hangs up */
void job_call(
    void); /* calls domain from=N there; then close=0, stay=1, or hangs up; once=1: tries once; after=N:
              hangs up only when that domain has ended */
void job_ports(void);    /* any requests about ports, for a time within=MS */
void job_debugged(void); /* until the key that shows domains is pressed */
void job_dog(void);      /* is ended by its watchdog */

/* ---- time.c ---- */

void job_busy(void);   /* computes from=MS to=MS of system time, asleep before with asleep=1 */
void job_sly(void);    /* as busy, but sleeps 0.1 ms after each run=MS */
void job_polite(void); /* as busy, but yields at every step */
void job_sleepy(void); /* sleeps 1 ms at a time, rounds=N; says how late it woke */

/* ---- share.c ---- */

void job_give(void); /* grants pages=N to domain to=N; wait=0: ends while they are in use */
void job_take(
    void); /* maps them from=N; hold=1: until the giver is dead; wait=0, unmap=0: not at all */

/* ---- lend.c ---- */

void job_lend(void);   /* lends a page to=DOMID; stay=1: until that one has ended */
void job_borrow(void); /* borrows the page of from=DOMID; likewise */

/* ---- wild.c ---- */

void job_wild(void); /* ends within=MS, whatever it is doing then */

/* ---- kill.c: for the initial domain ---- */

void job_kill(void);  /* ends rounds=N domains, one after the other */
void job_watch(void); /* waits until rounds=N domains were made */

/* ---- peek.c ---- */

void job_peek(void); /* the initial domain maps a frame of=N; unmap=0: not any more */

#endif
