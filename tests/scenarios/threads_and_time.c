/*
 * SPDX-License-Identifier: MIT
 *
 * threads, time: what the other scenarios stand on.
 *
 * Background: threads are cooperative, with a stack, a newlib state and an FPU state each.  Time
 * comes from vcpu_time_info, the timer from VIRQ_TIMER through an event channel.
 *
 * Steps: two threads count in turns, each with its own errno, floating-point sum and rounding mode;
 * the main thread sleeps 30 ms, which blocks the vCPU until the timer's event. (A machine that stands
 * still for that long has nothing to wait for any more: it sleeps again.)
 *
 * Expected: strict turns, nothing of one in the other, every stack page back; the clock has moved by
 * 30 ms at least, never backwards, and a timer event arrived.
 */
#include "scenario.h"

#include "clock.h"

#include <errno.h>
#include <stdio.h>

#define TURNS    50
#define SLEEP_NS 30000000UL

struct worker {
    int number;
    int turns;
    double sum;
    uint32_t mxcsr;
    bool errno_kept;
};

static int last_turn;

static void work(void *arg)
{
    struct worker *w = arg;
    double sum = 0;
    uint32_t mxcsr = w->mxcsr;

    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    errno = w->number;
    w->errno_kept = true;
    for (; w->turns < TURNS; w->turns++) {
        char text[40];

        if (last_turn == w->number)
            return; /* not in turns: too few turns tell */
        last_turn = w->number;
        sum += 1.0 / (w->turns + w->number);
        snprintf(text, sizeof(text), "%d %f", w->number, sum);
        w->errno_kept &= errno == w->number;
        thread_yield();
    }
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    w->mxcsr ^= mxcsr & ~0x3fU; /* without the sticky exception flags: 0 when kept */
    w->sum = sum;
}

SCENARIO(threads, "threads", "two threads in turns; errno, FPU state and stacks of their own")
{
    struct worker a = { .number = 1, .mxcsr = 0x1f80 }, b = { .number = 2, .mxcsr = 0x3f80 };
    struct thread *first, *second;
    char text[32];

    snprintf(text, sizeof(text), "%f", 0.5);  /* the heap has grown for it, for good */
    first = thread_create("first", work, &a); /* the stacks' tables stay */
    REQUIRE(first);
    uint64_t before = page_count(PAGE_KERNEL);
    second = thread_create("second", work, &b);
    REQUIRE(second);
    last_turn = 0;
    /* This thread takes part in the round: it only yields. */
    while (a.turns < TURNS || b.turns < TURNS) {
        int turns = a.turns + b.turns;

        thread_yield();
        if (a.turns + b.turns == turns)
            break;
    }
    thread_join(second);
    EXPECT_EQ(page_count(PAGE_KERNEL), before);
    thread_join(first);
    EXPECT_EQ(a.turns, TURNS);
    EXPECT_EQ(b.turns, TURNS);
    EXPECT(a.errno_kept && b.errno_kept);
    EXPECT_EQ(a.mxcsr, 0);
    EXPECT_EQ(b.mxcsr, 0);
    EXPECT(a.sum > 4.4 && a.sum < 4.6 && b.sum > 3.4 && b.sum < 3.6);
}

SCENARIO(time, "time", "the clock moves on; a timer event ends a sleep of 30 ms")
{
    uint64_t start = clock_ns(), ticks = clock_ticks(), last = start;

    for (unsigned int i = 0; i < 10000; i++) {
        uint64_t now = clock_ns();

        EXPECT(now >= last);
        last = now;
    }
    uint64_t slept = 0;

    for (unsigned int try = 0; try < 20 && clock_ticks() == ticks; try++) {
        start = clock_ns();
        clock_sleep(SLEEP_NS);
        slept = clock_ns() - start;
        EXPECT(slept >= SLEEP_NS);
    }
    EXPECT(clock_ticks() > ticks);
    /* Some day after 2020 and before 2100: a host without a clock would say 1970. */
    EXPECT(clock_wall_ns() / 1000000000UL > 1577836800 &&
           clock_wall_ns() / 1000000000UL < 4102444800);
    scenario_note("clock: flags %x", guest_vcpu_info()->time.flags);
    scenario_reason("slept %lu us", slept / 1000);
}
