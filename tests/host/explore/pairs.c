/* SPDX-License-Identifier: MIT */
/*
 * Pairs of requests on two CPUs: every schedule with up to two preemptions, and every preemption of
 * the one with the other in between, from several starts.
 *
 * At each access to a shared word: the ghost TLBs of both CPUs. After each run: the auditor, no cleanup
 * left, and the end is one that outcome.h allows.
 */
#include <stdio.h>
#include <string.h>

#include "geometry.h"
#include "outcome.h"
#include "schedule.h"
#include "small.h"

/* ---- what a request does, for the table -------------------------------------- */

enum kind { PROMOTE, DEMOTE, PIN, UNPIN, MAP, UNMAP, FREE, SWITCH, TAKE, TOUCH, KINDS };
static const char *const kind_name[KINDS] = {
    "promote", "demote", "pin", "unpin", "map", "unmap", "free", "switch root", "take", "touch",
};

static enum kind kind_of(const struct request *r, const struct state *s)
{
    const struct state_frame *f = &s->frame[r->frame == NOBODY ? 0 : r->frame];

    switch (r->kind) {
    case REQ_PIN:
        return PIN;
    case REQ_UNPIN:
        return UNPIN;
    case REQ_RELEASE:
        return FREE;
    case REQ_TAKE:
        return TAKE;
    case REQ_TOUCH:
        return TOUCH;
    case REQ_ROOT:
    case REQ_USER_ROOT:
        return SWITCH;
    case REQ_UPDATE:
        if (r->value == ENTRY_BAD || (f->type == PT_L1 && r->value && !ENTRY_RW(r->value)))
            return KINDS;
        if (r->value == ENTRY_NONE && f->entry[r->slot] == ENTRY_NONE)
            return KINDS;
        if (f->type == PT_L1)
            return r->value ? MAP : UNMAP;
        return r->value ? PROMOTE : DEMOTE;
    default:
        return KINDS;
    }
}

static uint64_t schedules[KINDS][KINDS], pieces;

/* ---- all pairs --------------------------------------------------------------- */

static const struct request *candidate[512];
static enum kind candidate_kind[512];
static unsigned candidates;

/* The requests that are worth a pair: those that are done when they are alone, or all. */
static void candidates_find(bool all)
{
    candidates = 0;
    for (unsigned i = 0; i < requests_count; i++) {
        enum kind kind = kind_of(&requests[i], &start->state);

        if (kind == KINDS || !request_applies(&requests[i], &start->state))
            continue;
        pair[0] = &requests[i];
        pair[1] = 0;
        if (outcome_alone() && !all)
            continue;
        candidate[candidates] = &requests[i];
        candidate_kind[candidates++] = kind;
    }
}

static uint64_t total(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < KINDS; i++)
        for (unsigned j = 0; j < KINDS; j++)
            sum += schedules[i][j];
    return sum;
}

static void pair_run(unsigned row, unsigned column)
{
    const struct request *first = pair[0];

    outcome_expect();
    schedules[row][column] += schedules_run();
    pieces += pieces_run();
    if (pair[0] == pair[1])
        return;
    pair[0] = pair[1];
    pair[1] = first;
    outcome_expect();
    pieces += pieces_run();
}

static void start_run(unsigned n, bool all)
{
    uint64_t before = total();

    start = &starts[n];
    candidates_find(all);
    for (unsigned i = 0; i < candidates; i++) {
        for (unsigned j = all ? 0 : i; j < candidates; j++) {
            unsigned row = candidate_kind[i], column = candidate_kind[j];

            pair[0] = candidate[i];
            pair[1] = candidate[j];
            pair_run(row < column ? row : column, row < column ? column : row);
        }
    }
    printf("start %u, %s%s: %u requests, %lu schedules\n", n + 1, start->name,
           starts_general ? "; not by short ways" : "", candidates, total() - before);
    fflush(stdout);
}

static void report_finding(void)
{
    static const char letters[] = "ABCDE";
    char text[128];

    printf("FOUND: %s\nfrom: %s\n", small_text, start->name);
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        if (!pair[cpu])
            continue;
        request_describe(pair[cpu], letters, text, sizeof(text));
        printf("  CPU %u: %s\n", cpu, text);
    }
    pieces_describe(text, sizeof(text));
    if (text[0])
        printf("  %s\n", text);
    else
        printf("  CPU %u up to its access %u, CPU %u up to its access %u, CPU %u, CPU %u\n",
               schedule.first, schedule.stop[0], schedule.first ^ 1, schedule.stop[1],
               schedule.first, schedule.first ^ 1);
    printf("  (frame %u is A%s)\n", FIRST, starts_general ? "; not by short ways" : "");
}

/* How many schedules each pair of kinds has had; the number of pairs that had none. */
static unsigned report_pairs(void)
{
    unsigned empty = 0;

    printf("\n%-12s", "");
    for (unsigned j = 0; j < KINDS; j++)
        printf("%12s", kind_name[j]);
    for (unsigned i = 0; i < KINDS; i++) {
        printf("\n%-12s", kind_name[i]);
        for (unsigned j = 0; j < KINDS; j++) {
            if (j < i)
                printf("%12s", "");
            else
                printf("%12lu", schedules[i][j]);
            empty += j >= i && !schedules[i][j];
        }
    }
    printf("\n\n");
    return empty;
}

int main(int argc, char **argv)
{
    bool all = argc == 2 && !strcmp(argv[1], "--all");
    unsigned empty;

    if (argc > 2 || (argc == 2 && !all) || PT_ENTRIES != SLOTS) {
        fprintf(stderr, "usage: schedules [--all]\n"
                        "All schedules of two CPUs with up to two preemptions, for each pair of "
                        "requests\nthat are done when they are alone; --all: for each pair.\n");
        return 2;
    }
    config = (struct config){ .frames = 5,
                              .levels = 4,
                              .domains = 1,
                              .fixed = 1,
                              .cpus = 2,
                              .tlb = true,
                              .roots = true,
                              .user_root = true,
                              .give_back = true,
                              .touch = true };
    small_start();
    requests_make();
    if (setjmp(small_found)) {
        report_finding();
        return 1;
    }
    for (unsigned n = 0; n < 2 * starts_count; n++) {
        starts_general = n % 2;
        start_run(n / 2, all);
    }
    empty = report_pairs();
    printf("%lu schedules and %lu in pieces: %lu end like one after the other, %lu with what one "
           "held in passing, %lu by the rules alone; %u pairs of kinds without a schedule\n",
           total(), pieces, outcome_counts.in_order, outcome_counts.passing,
           outcome_counts.rules_only, empty);
    return empty ? 1 : 0;
}
