/* SPDX-License-Identifier: MIT */
/*
 * The exhaustive explorer: every request from every state that can be reached, by depth, until no new
 * state appears. The first violation ends it and is printed as the shortest program that leads there.
 *
 * Workers are processes, so that each has a hypervisor of its own; they share the set of states and
 * take from one level at a time. The numbers of states and transitions do not depend on how many they
 * are.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "geometry.h"
#include "options.h"
#include "program.h"
#include "request.h"
#include "small.h"
#include "step.h"
#include "store.h"

#define TAKE_AT_ONCE 8u

static double started;
static volatile sig_atomic_t interrupted;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- a worker --------------------------------------------------------------- */

/* Everything that is checked of a run, beyond what step_run() checks itself. */
static void check_run(const struct request *r, struct step *step, struct state *end, bool is_new)
{
    bool repeat = step_repeats(r, step);

    if (is_new)
        step_check_new(end);
    if (is_new && repeat) {
        choice_again();
        step_run(r, step, end);
    }
    if (repeat)
        step_check_repeat(r, step);
}

static void try_request(uint64_t n, unsigned request, struct store_counts *counts)
{
    const struct request *r = &requests[request];

    choice_begin();
    do {
        struct step step;
        struct state end;
        bool is_new;

        step_run(r, &step, &end);
        counts->transitions++;
        counts->refused += step.result != 0;
        counts->failed += step.failed;
        counts->preempted += step.preempted;
        is_new = !step.unchanged &&
                 store_insert(state_canonical(&end, 0), (uint32_t)n, (uint16_t)request);
        check_run(r, &step, &end, is_new);
    } while (choice_next());
}

static void explore_state(uint64_t n, struct store_counts *counts)
{
    struct state s;

    state_unpack(store_code(n), &s);
    step_from(&s);
    counts->state = (uint32_t)n;
    for (unsigned i = 0; i < requests_count && !store->stop; i++) {
        counts->request = (uint16_t)i;
        if (request_applies(&requests[i], &s))
            try_request(n, i, counts);
    }
}

static void finding(const struct store_counts *counts)
{
    uint32_t none = 0;

    if (__atomic_compare_exchange_n(&store->found, &none, 1, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        store->found_state = counts->state;
        store->found_request = counts->request;
        memcpy(store->found_text, small_text, sizeof(small_text));
    }
    store->stop = 1;
}

static void work(unsigned worker)
{
    struct store_counts *counts = &store->worker[worker];

    signal(SIGINT, SIG_IGN);
    if (setjmp(small_found)) {
        finding(counts);
        _exit(0);
    }
    while (!store->stop) {
        uint64_t n = __atomic_fetch_add(&store->next, TAKE_AT_ONCE, __ATOMIC_RELAXED);

        for (uint64_t i = n; i < n + TAKE_AT_ONCE && i < store->end && !store->stop; i++)
            explore_state(i, counts);
        if (n >= store->end)
            break;
    }
    _exit(0);
}

/* ---- all of them ------------------------------------------------------------ */

static struct store_counts totals(void)
{
    struct store_counts t = { 0 };

    for (unsigned i = 0; i < options.jobs; i++) {
        t.transitions += store->worker[i].transitions;
        t.refused += store->worker[i].refused;
        t.failed += store->worker[i].failed;
        t.preempted += store->worker[i].preempted;
    }
    return t;
}

static void progress(unsigned depth)
{
    static double last;
    double t = now();

    if (!last)
        last = started;
    if (t - last < 5)
        return;
    last = t;
    printf("  %5.0f s  depth %u: %lu of %lu states tried, %lu found, %lu transitions\n",
           t - started, depth, store->next < store->end ? store->next : store->end, store->end,
           store->count, totals().transitions);
    fflush(stdout);
}

static void wait_a_moment(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, 0);
}

/* One level by all workers. False if one of them died. */
static bool level_run(unsigned depth)
{
    unsigned running = options.jobs;
    bool died = false;

    fflush(stdout);
    for (unsigned i = 0; i < options.jobs; i++)
        if (fork() == 0)
            work(i);
    while (running) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid > 0) {
            running--;
            died |= status != 0;
            store->stop |= status != 0;
        } else {
            wait_a_moment();
        }
        if (interrupted || (options.time > 0 && now() - started > options.time))
            store->stop = 1;
        progress(depth);
    }
    return !died;
}

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

/* Finds the choices of the run that found something, and prints the whole way there. */
static void report_finding(void)
{
    struct store_counts none = { 0 };
    struct state s;

    printf("FOUND: %s\nThe shortest program that leads there:\n", store->found_text);
    program_print(store->found_state);
    state_unpack(store_code(store->found_state), &s);
    step_from(&s);
    store->stop = 0;
    if (!setjmp(small_found))
        try_request(store->found_state, store->found_request, &none);
    program_print_last(store->found_request);
    program_print_names();
}

static void report_dead(void)
{
    for (unsigned i = 0; i < options.jobs; i++)
        printf("worker %u was at state %u, request %u\n", i, store->worker[i].state,
               store->worker[i].request);
    printf("FOUND: a worker died; one of these programs did it:\n");
    for (unsigned i = 0; i < options.jobs; i++) {
        program_print(store->worker[i].state);
        choice_begin();
        program_print_last(store->worker[i].request);
    }
}

static void start_state(struct state *s)
{
    memset(s, 0, sizeof(*s));
    s->kernel_root = s->user_root = s->parked[0] = s->parked[1] = NOBODY;
    s->grant[0] = s->grant[1] = NOBODY;
    for (unsigned g = 0; g < config.frames; g++)
        s->frame[g] = (struct state_frame){ .owner = 1, .allocated = 1 };
    if (config.grants) /* there is something to grant */
        s->frame[config.frames - 1].owner = 2;
    for (unsigned g = 0; g < config.fixed; g++) {
        s->frame[g].type = PT_L3;
        s->frame[g].validated = 1;
    }
}

/* Level by level. The number of levels, or -1 if a worker died. */
static int explore_levels(void)
{
    uint64_t begin = 0;
    int depth = 0;

    while (begin < store->count && !store->stop) {
        store->next = begin;
        store->end = store->count;
        if (!level_run((unsigned)depth))
            return -1;
        begin = store->end;
        depth += !store->stop;
    }
    return depth;
}

static const char *how_it_ended(void)
{
    if (!store->stop)
        return "complete";
    return store->full   ? "not complete, no room for more states"
           : interrupted ? "interrupted"
                         : "not complete, time is up";
}

/* 0 = complete, 1 = something was found, 2 = not complete. */
static int explore(void)
{
    struct store_counts t;
    struct state s;
    int depth;

    start_state(&s);
    (void)store_insert(state_canonical(&s, 0), 0, 0);
    depth = explore_levels();
    if (depth < 0)
        report_dead();
    else if (store->found)
        report_finding();
    t = totals();
    printf("%s: states %lu, transitions %lu (refused %lu, injected failures %lu, preempted %lu), "
           "depth %d, %.1f s, %u worker%s\n",
           store->found || depth < 0 ? "ended by what was found" : how_it_ended(), store->count,
           t.transitions, t.refused, t.failed, t.preempted, depth ? depth - 1 : 0, now() - started,
           options.jobs, options.jobs == 1 ? "" : "s");
    return store->found || depth < 0 ? 1 : store->stop ? 2 : 0;
}

/* ---- the program ------------------------------------------------------------ */

int main(int argc, char **argv)
{
    options_read(argc, argv);
    if (PT_ENTRIES != SLOTS || !store_start(options.room)) {
        fprintf(stderr, "explore: no memory for %lu states\n", options.room);
        return 2;
    }
    signal(SIGINT, on_interrupt);
    started = now();
    small_start();
    requests_make();
    printf("%u frames, %u slots, levels up to %u, %u domain%s: %u requests\n", config.frames, SLOTS,
           config.levels, config.domains, config.domains == 1 ? "" : "s", requests_count);
    return explore();
}
