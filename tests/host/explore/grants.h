/* SPDX-License-Identifier: MIT */
/*
 * Grants on the small machine: the control domain grants its frames, the guest maps them. What stands
 * in the granter's table is open until it is read, as its guest may write it at any time; a state
 * has only what is mapped: a few handles, and the frames of the entries that they pin.
 *
 * Built in where frames are set aside for the tables (GRANT_PAGES).
 */
#ifndef TESTS_HOST_EXPLORE_GRANTS_H
#define TESTS_HOST_EXPLORE_GRANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "state.h"

struct request;

/* Parts of a live handle, with its reference: struct state's handle[]. */
#define HANDLE_DEVICE 0x01u
#define HANDLE_HOST   0x02u
#define HANDLE_RO     0x04u
#define HANDLE_PTE    0x08u /* mapped by the address of the entry */
#define HANDLE_REF(h) ((h) >> 4 & 1u)

/* Once, after the domains; and the tables as the state has them, after the frames. */
void grants_start(void);
void grants_install(const struct state *s);
void grants_observe(struct state *s);

/* The references that live handles themselves hold. */
void grants_count(const struct state *s, struct state_counts *c);

/* What two runs must agree in, as words. */
#define GRANT_WORDS (4 + 3 * GRANT_REFS)
void grants_words(uint64_t *words);

/* The entry's word is looked at. False: it is no entry of the granter's table. */
bool grants_word_decide(const uint64_t *word);

/* After a step: the marks in the entries are those that pins stand for, and the granter allows these. */
void grants_check(void);

/* The end of both domains' tables. */
void grants_end(void);

/* Every request; whether one applies; makes it. */
void grants_requests(void);
bool grants_applies(const struct request *r, const struct state *s);
long grants_run(const struct request *r);
void grants_describe(const struct request *r, const char *names, char *text, unsigned long size);

#endif
