/* SPDX-License-Identifier: MIT */
/* One request from one state with one combination of choices, and everything that must hold after it. */
#ifndef TESTS_HOST_EXPLORE_STEP_H
#define TESTS_HOST_EXPLORE_STEP_H

#include <stdbool.h>

#include "request.h"
#include "state.h"

struct step {
    long result;
    bool restart;   /* the request was preempted and wants to be asked again */
    bool parked;    /* its vCPU waits to finish its cleanup */
    bool failed;    /* an injected failure */
    bool preempted; /* a check found the CPU wanted */
    bool fast;      /* it took a short way */
    bool unchanged; /* nothing at all has changed */
};

/* Makes s the state that the following steps begin with. */
void step_from(const struct state *s);

/* Runs the request with the choices that are due, leaves the machine and *end as it is then. */
void step_run(const struct request *r, struct step *step, struct state *end);

/* Whether the run that has just ended is one to be asked again and compared; and that comparison. */
bool step_repeats(const struct request *r, const struct step *step);
void step_check_repeat(const struct request *r, const struct step *step);

/* For a state that is new: it can be installed again, and taken apart. */
void step_check_new(const struct state *end);

#endif
