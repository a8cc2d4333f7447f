/* SPDX-License-Identifier: MIT */
/*
 * The books: what frame table, page tables, domains and vCPUs say of each other, and whether it is
 * the same. Lists for pt/audit.h what domains hold outside of tables, adds what only this room can
 * check (loaded roots, descriptor windows), and says the verdict.
 */
#ifndef HV_DOM_BOOKS_H
#define HV_DOM_BOOKS_H

#include <stdbool.h>

struct vcpu;

/* The option audit=: when the books are checked without being asked. */
enum books_when {
    BOOKS_OFF,
    BOOKS_EXIT, /* when a domain ends, before and after its memory is taken apart */
    BOOKS_EACH, /* also before a guest runs on, whatever it was that it did */
};
extern enum books_when books_when;

/* Reserves the memory to count in, before the first domain takes what there is. */
void books_init(enum books_when when);

/*
 * books_report() of lib/machine.h checks and prints the verdict: "audit: … : ok" or the differences.
 * The same when it was asked for, but wrong books are the hypervisor's end. */
void books_close(const char *when);

/* The same without a word if they are right: before v's guest runs on. */
void books_check(struct vcpu *v);

#endif
