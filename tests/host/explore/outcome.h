/* SPDX-License-Identifier: MIT */
/*
 * How two requests may end that run at the same time: like one after the other in some order. And the
 * little more that is right, counted apart as `passing`: one was refused because of what the other
 * held for a moment and then gave back, or lives on what the other held for a moment.
 */
#ifndef TESTS_HOST_EXPLORE_OUTCOME_H
#define TESTS_HOST_EXPLORE_OUTCOME_H

#include "request.h"
#include "starts.h"
#include "words.h"

/* The pair under test, CPU 0's request and CPU 1's, and where they start from. */
extern const struct request *pair[2];
extern const struct start *start;

struct outcome {
    long result[2];
    struct words words;
};

/* What all runs have counted. */
extern struct outcome_counts {
    uint64_t in_order, passing, rules_only;
} outcome_counts;

/* The result of CPU 0's request when it is alone. */
long outcome_alone(void);

/* Runs the pair undisturbed in every order: what outcome_check() compares with. */
void outcome_expect(void);

/* Tables that are partial now are given up: whoever wanted them has got something else meanwhile. */
void outcome_give_up_partial(void);

/* The machine as it is now, both requests done with these results: a violation if that is not right. */
void outcome_check(const long *result);

#endif
