/* SPDX-License-Identifier: MIT */
/*
 * A request in pieces, and another vCPU's whole request between two of them: the preemption check is
 * true at its k-th evaluation, for all k, or at each; then the other request is run once, at the n-th
 * chance that it gets, for all n. The first one goes on, or is asked again, until it is done.
 */
#include <stdio.h>

#include "outcome.h"
#include "schedule.h"
#include "small.h"

#define ALWAYS (~0u)

static unsigned preempt_at, turn_at; /* this k, this n */
static unsigned checks, turns;
static long result[2];

static bool check(void)
{
    return this_cpu()->cpu_id == 0 && (++checks == preempt_at || preempt_at == ALWAYS);
}

/* A chance for the other vCPU. */
static void others_turn(void)
{
    bool restart = small_hooks.restart;

    small_audit(false);
    if (++turns != turn_at)
        return;
    small_run(1);
    result[1] = request_run_here(pair[1]);
    small_run(0);
    small_hooks.restart = restart;
}

static void piece_run(void)
{
    unsigned restarts = 0;

    start_install(start);
    small_hooks.check = check;
    small_hooks.wait = others_turn;
    small_hooks.no_preempt = false;
    checks = turns = 0;
    for (;;) {
        small_hooks.restart = false;
        small_run(0);
        result[0] = request_run_here(pair[0]);
        if (!small_hooks.restart)
            break;
        if (++restarts > 1000)
            violation("a request is restarted without end");
        others_turn();
    }
    if (turns < turn_at)
        return;
    small_audit(true);
    small_hooks.quiet = true;
    outcome_give_up_partial();
    outcome_check(result);
}

uint64_t pieces_run(void)
{
    uint64_t count = 0;

    if (pair[0]->kind == REQ_TOUCH)
        return 0; /* asked again with its arguments as they were: not what a batch wants */
    for (preempt_at = 1;; preempt_at++) {
        turn_at = 1;
        piece_run();
        if (turns < turn_at)
            break;
        count++;
    }
    preempt_at = ALWAYS;
    for (turn_at = 1;; turn_at++) {
        piece_run();
        if (turns < turn_at)
            break;
        count++;
    }
    turn_at = 0;
    return count;
}

void pieces_describe(char *text, unsigned size)
{
    if (!turn_at)
        text[0] = 0;
    else if (preempt_at == ALWAYS)
        snprintf(text, size, "CPU 0 is preempted at each check; CPU 1 in its pause %u", turn_at);
    else
        snprintf(text, size, "CPU 0 is preempted at its check %u; then CPU 1", preempt_at);
}
