/* SPDX-License-Identifier: MIT */
/* Two CPUs as coroutines that switch before accesses to shared words; see schedule.h. */
#define _GNU_SOURCE
#include "schedule.h"

#include <stdlib.h>
#include <ucontext.h>

#include "outcome.h"
#include "small.h"

#define STACK_SIZE  65536u
/* So many accesses in a row without any change: the CPU waits for something. */
#define WAITS_AFTER 10u
#define TURNS_MAX   20u

struct schedule schedule;

static struct {
    ucontext_t context;
    char *stack;
    bool done;
    long result;
    unsigned accesses;
} cpu_run[2];
static ucontext_t scheduler;
static unsigned now, preemptions, unchanged, turns;
static uint64_t last_hash;

static uint64_t machine_hash(void)
{
    uint64_t h = 0;

    for (uint64_t n = HOME; n < frame_limit; n++) {
        const uint64_t *word = frame_va(mfn_of(n));

        h = (h ^ frame_table[n].ref) * 0x9e3779b97f4a7c15;
        h = (h ^ frame_table[n].type ^ h >> 31) * 0xc2b2ae3d27d4eb4f;
        h = (h ^ word[0] ^ word[1] << 7 ^ h >> 29) * 0x9e3779b97f4a7c15;
    }
    return h;
}

static void switch_away(void)
{
    swapcontext(&cpu_run[now].context, &scheduler);
}

/* Before each access to a shared word, of whichever CPU runs. */
static void at_access(void)
{
    uint64_t hash = machine_hash();
    unsigned cpu = now, other = now ^ 1;
    unsigned nth = ++cpu_run[cpu].accesses;

    ghost_step();
    unchanged = hash == last_hash ? unchanged + 1 : 0;
    turns = hash == last_hash ? turns : 0;
    last_hash = hash;
    if (preemptions < 2 && cpu == (schedule.first ^ preemptions) &&
        nth == schedule.stop[preemptions]) {
        preemptions++;
    } else if (unchanged > WAITS_AFTER) {
        if (cpu_run[other].done || ++turns > TURNS_MAX)
            violation("CPU %u waits for ever", cpu);
    } else {
        return;
    }
    unchanged = 0;
    if (!cpu_run[other].done)
        switch_away();
}

static void cpu_main(int cpu)
{
    for (;;) {
        cpu_run[cpu].result = request_run_here(pair[cpu]);
        cpu_run[cpu].done = true;
        if (this_cpu()->pt_work->used)
            violation("CPU %d leaves cleanup behind", cpu);
        switch_away();
    }
}

static void contexts_make(void)
{
    for (int cpu = 0; cpu < 2; cpu++) {
        cpu_run[cpu].stack = malloc(STACK_SIZE);
        getcontext(&cpu_run[cpu].context);
        cpu_run[cpu].context.uc_stack.ss_sp = cpu_run[cpu].stack;
        cpu_run[cpu].context.uc_stack.ss_size = STACK_SIZE;
        makecontext(&cpu_run[cpu].context, (void (*)(void))cpu_main, 1, cpu);
    }
}

/* One schedule from the start on. */
static void schedule_run(void)
{
    start_install(start);
    small_hooks.shared = at_access;
    preemptions = unchanged = turns = 0;
    cpu_run[0].accesses = cpu_run[1].accesses = 0;
    cpu_run[0].done = cpu_run[1].done = false;
    for (now = schedule.first; !cpu_run[0].done || !cpu_run[1].done; now ^= 1) {
        if (cpu_run[now].done)
            continue;
        small_run(now);
        swapcontext(&scheduler, &cpu_run[now].context);
    }
    small_hooks.shared = 0;
    outcome_check((long[]){ cpu_run[0].result, cpu_run[1].result });
}

uint64_t schedules_run(void)
{
    uint64_t count = 0;

    if (!cpu_run[0].stack)
        contexts_make();
    for (schedule.first = 0; schedule.first < 2; schedule.first++) {
        for (schedule.stop[0] = 1;; schedule.stop[0]++) {
            for (schedule.stop[1] = 1;; schedule.stop[1]++) {
                schedule_run();
                count++;
                if (preemptions < 2)
                    break;
            }
            if (preemptions < 1)
                break;
        }
    }
    return count;
}
