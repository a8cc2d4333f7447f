/* SPDX-License-Identifier: MIT */
/*
 * A controlled scheduler of two CPUs: every schedule of a pair of requests with at most two
 * preemptions, each before an access to a shared word. A CPU that waits for the other one is taken off
 * without being counted; two that wait for each other are a violation.
 */
#ifndef TESTS_HOST_EXPLORE_SCHEDULE_H
#define TESTS_HOST_EXPLORE_SCHEDULE_H

#include <stdint.h>

/* The one under way. */
extern struct schedule {
    unsigned first; /* CPU that begins */
    unsigned stop
        [2]; /* before this access of it the other one begins, before that of the other it goes on */
} schedule;

/* All schedules of the pair, with outcome_check() after each. Their number. */
uint64_t schedules_run(void);

/* pieces.c: the first one's request preempted at its k-th check, the other's in between. Their number. */
uint64_t pieces_run(void);
/* The one under way, for a reader. */
void pieces_describe(char *text, unsigned size);

#endif
