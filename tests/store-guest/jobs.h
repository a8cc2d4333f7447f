/* SPDX-License-Identifier: MIT */
/* What a client of the store can be told to do: job=NAME. */
#ifndef STORE_GUEST_JOBS_H
#define STORE_GUEST_JOBS_H

#include "xenstore.h"

/* Prints what is wrong and ends the domain by a crash. */
#define CHECK(condition)                                                      \
    do {                                                                      \
        if (!(condition))                                                     \
            guest_panic("%s:%d: not so: %s", __func__, __LINE__, #condition); \
    } while (0)

/* talk.c: well behaved. */
void job_basic(void);  /* one of each request, and its refusals */
void job_writer(void); /* opens a node to domain peer=N and writes what job_reader waits for */
void job_reader(void); /* watches that node of domain peer=N */
void job_worker(void); /* rounds=N of write and read, how many is said */
void job_adder(void);  /* rounds=N of counting a shared node up, in transactions */

/* hostile.c: they are not to disturb anybody; for=SECONDS ends them. */
void job_index(void);     /* a request index that cannot be, again and again */
void job_answers(void);   /* an answer index that cannot be */
void job_length(void);    /* a payload that is too long */
void job_flood(void);     /* requests without end, no answer read */
void job_watches(void);   /* all the watches it may have, and changes under them */
void job_hoard(void);     /* transactions left open while everything changes */
void job_reconnect(void); /* asks for a new connection without end */
void job_scribble(void);  /* random bytes on the page */

void job_dies(void); /* crashes, unless it has become domain last=N */

/* The number of a word of the command line; `otherwise` when it is not there. */
uint64_t number(const char *name, uint64_t otherwise);

#endif
