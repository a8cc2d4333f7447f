/* SPDX-License-Identifier: MIT */
/*
 * Choices: whatever the code under test cannot decide by itself (the content of a page that the guest
 * may have written, whether a step fails, whether a check finds the CPU wanted) is asked here, and a
 * request is run once for each combination of answers. Answers are tried in order, 0 first.
 *
 * Caller: small.c's hooks ask; step.c runs a request until choice_next() has nothing left.
 */
#ifndef TESTS_HOST_EXPLORE_CHOICE_H
#define TESTS_HOST_EXPLORE_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#define CHOICES_MAX 96u

enum choice_kind { CHOICE_CONTENT, CHOICE_FAIL, CHOICE_PREEMPT, CHOICE_WAY, CHOICE_GRANT };

struct choice {
    uint8_t made, of; /* made < of */
    uint8_t kind;
    uint8_t frame, slot; /* CHOICE_CONTENT, CHOICE_GRANT: what was asked about */
    uint8_t value;       /* and the answer as an entry's number, and of what level */
    uint8_t level;
};

struct choices {
    struct choice at[CHOICES_MAX];
    unsigned depth; /* answers that are fixed */
    unsigned used;  /* answers that this run has asked for */
};
extern struct choices choices;

/* The first combination. */
void choice_begin(void);
/* The same answers again, for a run that must go the same way. */
void choice_again(void);
/* The next combination of answers to those that the last run asked for; false when all were tried. */
bool choice_next(void);
/* An answer below `of`; the record of it can be completed. */
struct choice *choose(enum choice_kind kind, unsigned of);

#endif
