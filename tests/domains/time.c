/* SPDX-License-Identifier: MIT */
/* Jobs that measure what others leave them of the CPU. */
#include "domains.h"

#include "clock.h"
#include "hypercall.h"
#include "kprint.h"

#define MS 1000000ul

/* A little work, always the same. */
static void work(void)
{
    for (volatile unsigned int i = 0; i < 200; i++)
        ;
}

void job_busy(void)
{
    uint64_t from = number("from", 100) * MS, to = number("to", 1100) * MS, done = 0, run;

    if (number("asleep", 0))
        clock_sleep(from - clock_ns());
    while (clock_ns() < from)
        ;
    run = time_run();
    for (; clock_ns() < to; done++)
        work();
    kprint("busy: done=%lu run=%lu\n", done, (time_run() - run) / 1000);
    clock_sleep(number("linger", 0) * MS);
}

/* Just busy enough not to be preempted, then asleep for a moment: to be counted as one who waits. */
void job_sly(void)
{
    uint64_t from = number("from", 100) * MS, to = number("to", 1100) * MS, done = 0;

    while (clock_ns() < from)
        ;
    while (clock_ns() < to) {
        for (uint64_t start = clock_ns(); clock_ns() - start < number("run", 9) * MS; done++)
            work();
        clock_sleep(MS / 10);
    }
    kprint("sly: done=%lu\n", done);
}

/* Gives the CPU away at every step. */
void job_polite(void)
{
    uint64_t to = number("to", 1100) * MS, done = 0;

    for (; clock_ns() < to; done++) {
        work();
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    kprint("polite: done=%lu\n", done);
}

void job_sleepy(void)
{
    uint64_t rounds = number("rounds", 100), late = 0, latest = 0;

    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t due = clock_ns() + MS, now;

        clock_sleep(MS);
        now = clock_ns();
        late += now - due;
        if (now - due > latest)
            latest = now - due;
    }
    kprint("sleepy: mean=%lu latest=%lu\n", late / (rounds ? rounds : 1) / 1000, latest / 1000);
}
