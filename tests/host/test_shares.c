/* SPDX-License-Identifier: MIT */
/*
 * Shares of the CPU (dom/share.c) under a model of the scheduler: domains of vCPUs that compute and
 * sleep, for minutes of a time that is counted here. What each gets is compared with its weight.
 */
#include "machine.h"

#include <string.h>

#include "dom/sched.h"
#include "dom/share.h"

#define MS       1000000ull
#define SECOND   (1000 * MS)
#define VCPUS    4u
#define DOMAINS  9u
#define FOR_EVER ~0ull

/* Computes for `burst`, then sleeps for `sleep`; burst FOR_EVER: it always wants to run. */
struct worker {
    struct vcpu v;
    uint64_t burst, sleep;
    uint64_t left;   /* of the burst */
    uint64_t wakes;  /* when it sleeps: until then, else 0 */
    uint64_t wanted; /* since when it waits for the CPU */
    uint64_t run, longest_wait;
    bool there;
};

static struct domain domain[DOMAINS];
static struct worker worker[DOMAINS][VCPUS];
static struct worker *running;
static uint64_t now, slice_end;

#define EACH(w) (struct worker *w = worker[0]; w < worker[0] + DOMAINS * VCPUS; w++) if (w->there)

static void switch_next(void)
{
    struct vcpu *v;

    if (running && !running->wakes) {
        share_push(&running->v, false);
        running->wanted = now;
    }
    v = share_take();
    running = v ? (struct worker *)((char *)v - offsetof(struct worker, v)) : 0;
    slice_end = v && share_slice(v) ? now + share_slice(v) : FOR_EVER;
    if (running && now - running->wanted > running->longest_wait)
        running->longest_wait = now - running->wanted;
}

static void wake(struct worker *w)
{
    uint64_t left;

    w->wakes = 0;
    w->wanted = now;
    share_push(&w->v, true);
    left = running ? share_slice_left(&running->v, &w->v) : 0;
    if (!left)
        switch_next();
    else if (slice_end > now + left)
        slice_end = now + left;
}

static void domain_add(unsigned n, uint32_t weight, unsigned vcpus, uint64_t burst, uint64_t sleep)
{
    share_start(&domain[n].share, weight);
    for (unsigned i = 0; i < vcpus; i++) {
        worker[n][i] = (struct worker){ .v = { .domain = &domain[n], .id = i },
                                        .burst = burst,
                                        .sleep = sleep,
                                        .left = burst,
                                        .there = true };
        wake(&worker[n][i]);
    }
}

/* Until something happens: end of a slice, of a burst, of a sleep. */
static uint64_t next_event(uint64_t end)
{
    uint64_t at = running && slice_end < end ? slice_end : end;

    if (running && running->left != FOR_EVER && now + running->left < at)
        at = now + running->left;
    for
        EACH(w)
    if (w->wakes && w->wakes < at)
        at = w->wakes;
    return at;
}

static void simulate(uint64_t ns)
{
    uint64_t end = now + ns;

    if (!running)
        switch_next();
    while (now < end) {
        uint64_t at = next_event(end), passed = at - now;

        now = at;
        if (running) {
            share_charge(&running->v, passed);
            running->run += passed;
            running->left -= running->left == FOR_EVER ? 0 : passed;
        }
        if (running && !running->left) {
            running->left = running->burst;
            running->wakes = now + running->sleep;
            switch_next();
        } else if (running && now >= slice_end) {
            switch_next();
        }
        for
            EACH(w)
        if (w->wakes && w->wakes <= now)
            wake(w);
    }
}

/* Nobody of the test before is left; the floor is where it was. */
static int setup(void **state)
{
    (void)state;
    for
        EACH(w)
    share_remove(&w->v);
    memset(worker, 0, sizeof(worker));
    running = 0;
    return 0;
}

static uint64_t run_of(unsigned n)
{
    uint64_t run = 0;

    for (unsigned i = 0; i < VCPUS; i++)
        run += worker[n][i].run;
    return run;
}

/* Within so many thousandths of the whole. */
static void assert_share(unsigned n, uint64_t whole, double share, double within)
{
    double got = (double)run_of(n) / (double)whole;

    if (got < share - within || got > share + within)
        fail_msg("domain %u got %f of the CPU, not %f", n, got, share);
}

static void busy_ones_share_by_weight(void **state)
{
    static const uint32_t weights[][3] = { { 256, 256, 256 }, { 1, 2, 4 }, { 65535, 256, 1000 } };

    for (unsigned k = 0; k < 3; k++) {
        double sum = 0;

        setup(state);
        for (unsigned n = 0; n < 3; n++) {
            domain_add(n, weights[k][n], 1, FOR_EVER, 0);
            sum += weights[k][n];
        }
        simulate(60 * SECOND);
        for (unsigned n = 0; n < 3; n++)
            assert_share(n, 60 * SECOND, weights[k][n] / sum, 0.002);
    }
}

static void more_vcpus_are_no_more_of_the_cpu(void **state)
{
    (void)state;
    domain_add(0, 256, 4, FOR_EVER, 0);
    domain_add(1, 256, 1, FOR_EVER, 0);
    simulate(20 * SECOND);
    assert_share(0, 20 * SECOND, 0.5, 0.002);
    for (unsigned i = 0; i < 4; i++)
        assert_true(worker[0][i].run > 20 * SECOND / 8 - 20 * MS);
}

/* However long it slept, and whatever the others had meanwhile. */
static void sleep_saves_nothing(void **state)
{
    (void)state;
    domain_add(0, 256, 1, FOR_EVER, 0);
    simulate(100 * SECOND);
    domain_add(1, 256, 1, 3000 * SECOND, 500 * SECOND);
    worker[0][0].run = 0;
    simulate(SECOND);
    assert_share(0, SECOND, 0.5, 0.011);
    worker[1][0].left = 1; /* it goes to sleep, for 500 s, and comes back */
    simulate(500 * SECOND);
    worker[0][0].run = worker[1][0].run = 0;
    simulate(SECOND);
    assert_share(0, SECOND, 0.5, 0.02);
}

static void nor_does_a_sleeping_vcpu(void **state)
{
    (void)state;
    domain_add(0, 256, 2, FOR_EVER, 0);
    worker[0][1].burst = worker[0][1].sleep = 100 * SECOND;
    worker[0][1].left = 1;
    simulate(100 * SECOND);
    worker[0][0].run = 0;
    simulate(SECOND);
    assert_true(worker[0][0].run > 480 * MS);
}

/* Bursts and sleeps of all lengths beside one that always wants: it gets what is its own at least. */
static void nobody_is_starved(void **state)
{
    for (uint64_t burst = MS / 10; burst < 40 * MS; burst = burst * 3 / 2) {
        for (uint64_t sleep = MS / 20; sleep < 20 * MS; sleep *= 3) {
            setup(state);
            domain_add(0, 256, 1, FOR_EVER, 0);
            for (unsigned n = 1; n < 4; n++)
                domain_add(n, 256, n, burst + n, sleep * n);
            simulate(5 * SECOND);
            if (run_of(0) < 5 * SECOND / 4 - 20 * MS)
                fail_msg("%lu of 5 s beside bursts of %lu, sleeps of %lu", run_of(0), burst, sleep);
            assert_true(worker[0][0].longest_wait < 100 * MS);
        }
    }
}

static void who_wakes_does_not_wait_for_a_slice(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++)
        domain_add(n, 256, 1, FOR_EVER, 0);
    domain_add(4, 256, 1, MS / 100, MS);
    simulate(SECOND);
    worker[4][0].longest_wait = 0;
    simulate(10 * SECOND);
    assert_true(worker[4][0].longest_wait < MS / 100);
}

/*
 * Whoever wakes a sibling may hold what that one wants: it goes on for a moment, long enough to let go
 * and far less than a slice.
 */
static void who_wakes_a_sibling_goes_on_for_a_moment(void **state)
{
    uint64_t before;

    (void)state;
    domain_add(0, 256, 2, FOR_EVER, 0);
    worker[0][1].burst = worker[0][1].left = MS / 100;
    worker[0][1].sleep = 100 * MS;
    simulate(99 * MS);
    for (unsigned i = 0; i < 20; i++) {
        while (running != &worker[0][0] || !worker[0][1].wakes)
            simulate(MS / 10);
        before = worker[0][0].run;
        wake(&worker[0][1]);
        assert_ptr_equal(running, &worker[0][0]);
        while (running == &worker[0][0])
            simulate(MS / 1000);
        assert_ptr_equal(running, &worker[0][1]);
        assert_in_range(worker[0][0].run - before, MS / 20, MS / 2);
    }
}

/* What a busy vCPU's siblings wait for in vain is there soon again. */
static void siblings_take_short_turns(void **state)
{
    (void)state;
    domain_add(0, 256, 4, FOR_EVER, 0);
    simulate(SECOND);
    for (unsigned i = 0; i < 4; i++)
        worker[0][i].longest_wait = 0;
    simulate(SECOND);
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(worker[0][i].longest_wait, 1, 7 * MS);
}

/*
 * Many wake one after the other, each while the one before it runs: each is behind by one bonus, not
 * behind that one by another, so the first waits for the bonuses and a slice each, no longer.
 */
static void bonuses_do_not_add_up(void **state)
{
    struct worker *busy = &worker[0][0];

    (void)state;
    domain_add(0, 256, 1, FOR_EVER, 0);
    for (unsigned n = 1; n < DOMAINS; n++)
        domain_add(n, 256, 1, 1, FOR_EVER / 2);
    simulate(SECOND);
    for (unsigned n = 1; n < DOMAINS; n++) {
        worker[n][0].left = SECOND;
        wake(&worker[n][0]);
        simulate(MS / 5);
    }
    busy->longest_wait = 0;
    simulate(SECOND);
    assert_in_range(busy->longest_wait, (DOMAINS - 1) * 5 * MS, DOMAINS * 10 * MS);
}

static void nor_do_those_of_siblings(void **state)
{
    struct worker *busy = &worker[0][0];

    (void)state;
    domain_add(0, 256, 1, FOR_EVER, 0);
    for (unsigned i = 1; i < VCPUS; i++) {
        worker[0][i] = (struct worker){ .v = { .domain = &domain[0], .id = i },
                                        .sleep = FOR_EVER / 2,
                                        .left = SECOND,
                                        .there = true };
        worker[0][i].wakes = FOR_EVER;
    }
    simulate(SECOND);
    for (unsigned i = 1; i < VCPUS; i++) {
        wake(&worker[0][i]);
        simulate(MS / 5);
    }
    busy->longest_wait = 0;
    simulate(SECOND / 2);
    assert_in_range(busy->longest_wait, (VCPUS - 1) * 5 * MS - MS, VCPUS * 6 * MS);
}

/* One that never ran comes while the other's clock is more than half of all clocks away. */
static void clocks_go_round(void **state)
{
    (void)state;
    domain_add(0, 1, 1, FOR_EVER, 0);
    switch_next();
    for (unsigned i = 0; i < 6; i++) {
        share_charge(&running->v, 1ull << 51);
        domain_add(1, 1, 1, FOR_EVER, 0);
        worker[0][0].run = worker[1][0].run = 0;
        simulate(SECOND);
        assert_share(0, SECOND, 0.5, 0.011);
        share_remove(&worker[1][0].v);
        worker[1][0].wakes = FOR_EVER;
        if (running == &worker[1][0])
            switch_next();
        worker[1][0].there = false;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(busy_ones_share_by_weight, setup),
        cmocka_unit_test_setup(more_vcpus_are_no_more_of_the_cpu, setup),
        cmocka_unit_test_setup(sleep_saves_nothing, setup),
        cmocka_unit_test_setup(nor_does_a_sleeping_vcpu, setup),
        cmocka_unit_test_setup(nobody_is_starved, setup),
        cmocka_unit_test_setup(who_wakes_does_not_wait_for_a_slice, setup),
        cmocka_unit_test_setup(who_wakes_a_sibling_goes_on_for_a_moment, setup),
        cmocka_unit_test_setup(siblings_take_short_turns, setup),
        cmocka_unit_test_setup(bonuses_do_not_add_up, setup),
        cmocka_unit_test_setup(nor_do_those_of_siblings, setup),
        cmocka_unit_test_setup(clocks_go_round, setup),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
