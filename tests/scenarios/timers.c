/*
 * SPDX-License-Identifier: MIT
 *
 * timer-moves: deadlines that move.
 *
 * Background: a hypervisor would rather not set the hardware anew each time that a guest's timer moves:
 * it may let it interrupt too early, or by itself at equal distances. The guest is not to notice.
 *
 * Steps: a single-shot deadline is moved nearer, moved away, cancelled, set again; one is a long way
 * off; single ones come between and after the ticks of a periodic timer, whose period changes.
 *
 * Expected: each comes once, never before its time, and not at the time of the one that it replaced.
 */
#include "scenario.h"

#include "clock.h"

#define MS       1000000UL
#define FOREVER  (40000 * MS) /* longer than anything is waited for */
#define LATE_MAX (3000 * MS)  /* to tell it from one that was forgotten */

static void single_set(uint64_t deadline)
{
    vcpu_set_singleshot_timer_t timer = { .timeout_abs_ns = deadline };

    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &timer), 0);
}

static void single_stop(void)
{
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
}

static void periodic_set(uint64_t ns)
{
    vcpu_set_periodic_timer_t timer = { .period_ns = ns };

    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &timer), 0);
}

/* The next event is that of this deadline. Result: how late it was. */
static uint64_t single_expect(uint64_t seen, uint64_t deadline)
{
    uint64_t now;

    expect_ticks(seen, 1);
    now = clock_ns();
    EXPECT(now >= deadline);
    return now - deadline;
}

static void single_try(uint64_t ns)
{
    uint64_t seen = clock_ticks(), deadline = clock_ns() + ns;

    single_set(deadline);
    single_expect(seen, deadline);
}

/*
 * Moved before it came, `times` times by `step`. Tried again if the machine stood still meanwhile, and
 * a few times if it came late: one that is forgotten is late each time.
 */
static void moved_try(uint64_t from, long step, unsigned int times)
{
    for (unsigned int try = 0, late = 0; try < 100 && late < 3; try++) {
        uint64_t seen = clock_ticks(), start = clock_ns(), deadline = start + from;

        single_set(deadline);
        for (unsigned int i = 0; i < times; i++)
            single_set(deadline += (uint64_t)step);
        if (clock_ns() < (step < 0 ? deadline : start + from)) {
            if (single_expect(seen, deadline) < LATE_MAX)
                return;
            late++;
        }
        while (clock_ns() < deadline)
            ;
        single_stop(); /* behind it none of their events is still to come */
    }
    EXPECT(!"late, or the machine is too slow");
}

/* Runs for ns, in which nothing comes. */
static void silence_expect(uint64_t ns)
{
    uint64_t ticks = clock_ticks(), start = clock_ns();

    while (clock_ns() - start < ns)
        ;
    EXPECT_EQ(clock_ticks(), ticks);
}

SCENARIO(timer_moves, "timer-moves", "deadlines that are moved, cancelled, repeated and mixed")
{
    moved_try(FOREVER, 2 * MS - (long)FOREVER, 1);
    moved_try(2 * MS, 7 * MS, 1);
    moved_try(5 * MS, MS / 10, 50);
    moved_try(60 * MS, -MS, 10);

    single_set(clock_ns() + MS);
    single_stop();
    silence_expect(3 * MS);
    single_try(MS);
    silence_expect(3 * MS);
    single_try(130 * MS);

    periodic_set(MS);
    expect_ticks(clock_ticks(), 5);
    single_set(clock_ns() + MS / 3);
    expect_ticks(clock_ticks(), 6);
    periodic_set(3 * MS);
    expect_ticks(clock_ticks(), 4);
    periodic_set(MS);
    expect_ticks(clock_ticks(), 4);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    silence_expect(5 * MS);
    single_try(2 * MS + MS / 7);
    single_stop();
}
