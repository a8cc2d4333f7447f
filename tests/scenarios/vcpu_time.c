/*
 * SPDX-License-Identifier: MIT
 *
 * vcpu-time, vcpu-timers, vcpu-runstate: time on several vCPUs.
 *
 * Background: each vCPU has its own copy of what turns the TSC into system time, its own timers, and
 * an account of how long it was running, waiting for a CPU, blocked and offline.
 *
 * Expected: time never goes back from one vCPU to another; a periodic timer set by another vCPU and a
 * single-shot one of its own raise VIRQ_TIMER on the vCPU; an account grows by exactly the time that
 * has passed, and the registered area says what the vCPU does while it does not run.
 */
#include "second.h"

#include "clock.h"

static uint64_t tsc(void)
{
    uint32_t lo, hi;

    __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

static uint64_t now_on(unsigned int vcpu)
{
    const volatile struct vcpu_time_info *t = &second_info(vcpu)->time;
    uint32_t version;
    uint64_t ns;

    do {
        uint64_t delta;

        version = t->version;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        delta = tsc() - t->tsc_timestamp;
        delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
        ns = t->system_time + (uint64_t)(((unsigned __int128)delta * t->tsc_to_system_mul) >> 32);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((version & 1) || version != t->version);
    return ns;
}

/* ---- monotonic ------------------------------------------------------------------------------- */

static volatile uint32_t lock;
static volatile uint64_t last, last_by, backwards, taken[SECONDS_MAX + 1], stop;

static void time_take(unsigned int vcpu)
{
    uint64_t now;

    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
        second_yield();
    now = now_on(vcpu);
    if (now < last)
        backwards++;
    last = now;
    last_by = vcpu;
    taken[vcpu]++;
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

static void take_turns(struct second *self)
{
    while (!stop) {
        time_take(self->id);
        if (taken[self->id] % 16 == 0)
            second_yield();
    }
}

SCENARIO(vcpu_time, "vcpu-time", "system time does not go back from one vCPU to another")
{
    struct second *s[2];

    seconds_require(2);
    last = backwards = stop = lock = 0;
    taken[0] = taken[1] = taken[2] = 0;
    for (unsigned int i = 1; i <= 2; i++)
        s[i - 1] = second_start(i, take_turns, NULL);
    while (taken[0] < 3000 || taken[1] < 3000 || taken[2] < 3000) {
        time_take(0);
        if (taken[0] % 16 == 0)
            second_yield();
    }
    stop = 1;
    second_join(s[0]);
    second_join(s[1]);
    EXPECT_EQ(backwards, 0);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static evtchn_port_t timer_port;
static volatile uint64_t ticks, asked;
static volatile long single_rc;

static void on_tick(struct second *self)
{
    if (second_ports(self->id) >> timer_port & 1) {
        __atomic_fetch_and(&shared_info_page.evtchn_pending[0], ~(1UL << timer_port),
                           __ATOMIC_SEQ_CST);
        ticks++;
    }
}

static void run_ticking(struct second *self)
{
    self->event = on_tick;
    second_info(self->id)->evtchn_upcall_mask = 0;
    while (!stop)
        asked++;
}

/* A deadline of its own, then blocked until it has come. */
static void wait_single(struct second *self)
{
    self->event = on_tick;
    for (unsigned int i = 0; i < 5; i++) {
        struct vcpu_set_singleshot_timer single = { .timeout_abs_ns = now_on(self->id) + 2000000 };
        uint64_t seen = ticks;

        single_rc = hypercall_vcpu_op(VCPUOP_set_singleshot_timer, self->id, &single);
        while (ticks == seen) {
            second_info(self->id)->evtchn_upcall_mask = 1;
            if (ticks == seen)
                (void)hypercall_sched_op(SCHEDOP_block, NULL);
        }
        if (now_on(self->id) < single.timeout_abs_ns)
            single_rc = -1;
        second_info(self->id)->evtchn_upcall_mask = 1;
    }
}

SCENARIO(vcpu_timers, "vcpu-timers",
         "periodic and single timers of another vCPU raise its VIRQ_TIMER")
{
    struct vcpu_set_periodic_timer period = { .period_ns = 3000000 };
    struct evtchn_bind_virq bind = { .virq = VIRQ_TIMER, .vcpu = 1 };
    struct second *s;

    seconds_require(1);
    stop = ticks = asked = 0;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 1, NULL), 0);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind), 0);
    REQUIRE(bind.port < 64);
    timer_port = bind.port;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_unmask, &(struct evtchn_unmask){ bind.port }), 0);

    s = second_start(1, run_ticking, NULL);
    while (!asked)
        second_yield();
    EXPECT_EQ(ticks, 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 1, &period), 0);
    while (ticks < 5)
        second_yield();
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 1, NULL), 0);
    stop = 1;
    second_join(s);

    ticks = 0;
    s = second_start(1, wait_single, NULL);
    second_join(s);
    EXPECT_EQ(single_rc, 0);
    EXPECT(ticks >= 5);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_close, &(struct evtchn_close){ bind.port }), 0);
}

/* ---- runstate -------------------------------------------------------------------------------- */

#define BLOCKED_NS 5000000

static struct vcpu_runstate_info area __attribute__((aligned(64)));

static uint64_t sum(const struct vcpu_runstate_info *info)
{
    return info->time[0] + info->time[1] + info->time[2] + info->time[3];
}

/* The account of vCPU n, no older than *since, no newer than *until. */
static struct vcpu_runstate_info account(unsigned int n, uint64_t *since, uint64_t *until)
{
    struct vcpu_runstate_info info;

    *since = now_on(0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_get_runstate_info, n, &info), 0);
    *until = now_on(0);
    return info;
}

static void poll_once(struct second *self)
{
    struct vcpu_register_runstate_memory_area at = { .addr.p = (uint64_t)&area };
    struct sched_poll poll = { .nr_ports = 1 };

    (void)hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, self->id, &at);
    taken[1] = area.state;
    for (volatile uint64_t i = 0; i < 200000; i++)
        ;
    set_xen_guest_handle(poll.ports, &timer_port);
    asked = 1;
    (void)hypercall_sched_op(SCHEDOP_poll, &poll);
    asked = 2;
    while (!stop)
        second_yield();
    at.addr.p = 0; /* a place that nobody writes to */
    (void)hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, self->id, &at);
}

SCENARIO(vcpu_runstate, "vcpu-runstate",
         "the times of all states add up to the time that has passed")
{
    struct evtchn_bind_ipi ipi = { .vcpu = 1 };
    struct vcpu_runstate_info a[3], b;
    uint64_t since[3], until[3], since_b, until_b;
    struct second *s;

    seconds_require(2);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
    timer_port = ipi.port;
    stop = asked = 0;
    for (unsigned int i = 0; i < 3; i++)
        a[i] = account(i, &since[i], &until[i]);
    EXPECT_EQ(a[0].state, RUNSTATE_running);
    EXPECT_EQ(a[2].state, RUNSTATE_offline);
    s = second_start(1, poll_once, NULL);
    while (asked < 1)
        second_yield();
    EXPECT_EQ(taken[1], RUNSTATE_running);
    while (((volatile struct vcpu_runstate_info *)&area)->state != RUNSTATE_blocked)
        second_yield();
    clock_sleep(BLOCKED_NS);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_send, &(struct evtchn_send){ timer_port }), 0);
    while (asked < 2)
        second_yield();
    EXPECT(((volatile struct vcpu_runstate_info *)&area)->time[RUNSTATE_blocked] -
               a[1].time[RUNSTATE_blocked] >=
           BLOCKED_NS);
    for (unsigned int i = 0; i < 3; i++) {
        uint64_t passed;

        b = account(i, &since_b, &until_b);
        passed = sum(&b) - sum(&a[i]);
        EXPECT(passed >= since_b - until[i] && passed <= until_b - since[i]);
        for (unsigned int state = 0; state < 4; state++)
            EXPECT(b.time[state] >= a[i].time[state]);
    }
    b = account(1, &since_b, &until_b);
    EXPECT(b.time[RUNSTATE_running] > a[1].time[RUNSTATE_running]);
    EXPECT(b.time[RUNSTATE_blocked] >= a[1].time[RUNSTATE_blocked] + BLOCKED_NS);
    stop = 1;
    second_join(s);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_close, &(struct evtchn_close){ ipi.port }), 0);
}
