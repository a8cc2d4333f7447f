/*
 * SPDX-License-Identifier: MIT
 *
 * vcpu-ipi…, vcpu-poll…, vcpu-events-…: events between vCPUs.
 *
 * Background: an event sets a pending bit, its vCPU's selector bit, its vCPU's upcall_pending, in this
 * order, each only if the one before was clear; then the vCPU is told, woken from SCHEDOP_block or
 * SCHEDOP_poll if it waits there. Who clears in the opposite order loses none.
 *
 * Expected: of N events N arrive when each is waited for; a vCPU that polls is woken by the port that
 * it polls for, by a timeout, or by an event of its own, and by nothing else once for each; what is
 * sent to a vCPU that is down waits for it, and one that went down blocked is blocked when it is up.
 */
#include "second.h"

#include "clock.h"

#define ROUNDS 500

static evtchn_port_t port_bind_ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi bind = { .vcpu = vcpu };

    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind), 0);
    REQUIRE(bind.port < 64);
    return bind.port;
}

static void port_unmask(evtchn_port_t port)
{
    (void)hypercall_event_channel_op(EVTCHNOP_unmask, &(struct evtchn_unmask){ port });
}

static void port_mask(evtchn_port_t port)
{
    __atomic_fetch_or(&shared_info_page.evtchn_mask[0], 1UL << port, __ATOMIC_SEQ_CST);
}

static long port_send(evtchn_port_t port)
{
    return hypercall_event_channel_op(EVTCHNOP_send, &(struct evtchn_send){ port });
}

static void port_close(evtchn_port_t port)
{
    port_mask(port);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_close, &(struct evtchn_close){ port }), 0);
}

static bool port_take(evtchn_port_t port)
{
    return __atomic_fetch_and(&shared_info_page.evtchn_pending[0], ~(1UL << port),
                              __ATOMIC_SEQ_CST) >>
               port &
           1;
}

static bool port_is_pending(evtchn_port_t port)
{
    return *(volatile xen_ulong_t *)shared_info_page.evtchn_pending >> port & 1;
}

/* ---- IPIs, to and fro ------------------------------------------------------------------------ */

static evtchn_port_t to_second, to_second_b;
static volatile uint64_t got, got_b, upcalls, blocked, stop;

static void on_event(struct second *self)
{
    uint64_t ports = second_ports(self->id);

    upcalls++;
    if (ports >> to_second & 1)
        got += port_take(to_second);
    if (to_second_b && ports >> to_second_b & 1)
        got_b += port_take(to_second_b);
}

/* Blocks again and again; SCHEDOP_block unmasks, the upcall comes at its end. */
static void block(struct second *self)
{
    self->event = on_event;
    while (!stop) {
        second_info(self->id)->evtchn_upcall_mask = 1;
        blocked++;
        (void)hypercall_sched_op(SCHEDOP_block, NULL);
    }
}

SCENARIO(vcpu_ipi, "vcpu-ipi", "IPIs wake a blocked vCPU, each of them once")
{
    struct second *s;

    seconds_require(1);
    got = got_b = upcalls = blocked = stop = 0;
    to_second_b = 0;
    to_second = port_bind_ipi(1);
    port_unmask(to_second);
    s = second_start(1, block, NULL);
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        EXPECT_EQ(port_send(to_second), 0);
        second_wait(&got, i);
    }
    EXPECT_EQ(got, ROUNDS);
    stop = 1;
    EXPECT_EQ(port_send(to_second), 0);
    second_join(s);
    port_close(to_second);
    EXPECT(upcalls <= ROUNDS + 1);
    scenario_reason("%lu IPIs, %lu upcalls", got, upcalls);
}

static void spin(struct second *self)
{
    self->event = on_event;
    second_info(self->id)->evtchn_upcall_mask = 0;
    while (!stop)
        blocked++;
    second_info(self->id)->evtchn_upcall_mask = 1;
}

SCENARIO(vcpu_events_running, "vcpu-events-running",
         "events reach a vCPU that runs and does not yield")
{
    struct second *s;

    seconds_require(1);
    got = got_b = upcalls = blocked = stop = 0;
    to_second_b = 0;
    to_second = port_bind_ipi(1);
    port_unmask(to_second);
    s = second_start(1, spin, NULL);
    while (!blocked)
        second_yield();
    for (uint64_t i = 1; i <= 20; i++) {
        EXPECT_EQ(port_send(to_second), 0);
        second_wait(&got, i);
    }
    stop = 1;
    second_join(s);
    port_close(to_second);
}

/* ---- who sends looks on until there is an answer ------------------------------------------------ */

#define LOOKS 100

static volatile uint64_t lock, locked;

static void on_event_lock(struct second *self)
{
    locked += lock;
    on_event(self);
}

static void block_lock(struct second *self)
{
    while (!stop) {
        self->event = on_event_lock;
        second_info(self->id)->evtchn_upcall_mask = 1;
        blocked++;
        (void)hypercall_sched_op(SCHEDOP_block, NULL);
    }
}

/* How often the sender looks, without giving up the CPU, until the event has arrived; at the most. */
static uint64_t looks(void)
{
    uint64_t most = 0;

    for (uint64_t i = got + 1; i <= LOOKS; i++) {
        uint64_t n = 0;

        lock = 1;
        EXPECT_EQ(port_send(to_second), 0);
        lock = 0;
        while (got != i)
            n++;
        most = n > most ? n : most;
    }
    return most;
}

SCENARIO(
    vcpu_ipi_looks, "vcpu-ipi-looks",
    "who sends an event can let go of a lock first; who looks on until it is taken sees that soon")
{
    uint64_t sleeping, busy;
    struct second *s;

    seconds_require(1);
    got = got_b = upcalls = blocked = stop = locked = 0;
    to_second_b = 0;
    to_second = port_bind_ipi(1);
    port_unmask(to_second);
    s = second_start(1, block_lock, NULL);
    second_wait(&blocked, 1);
    sleeping = looks();
    stop = 1;
    EXPECT_EQ(port_send(to_second), 0);
    second_join(s);
    EXPECT(locked <= LOOKS / 10); /* an interrupt may fall there */

    got = blocked = stop = 0;
    s = second_start(1, spin, NULL);
    while (!blocked)
        second_yield();
    busy = looks();
    stop = 1;
    second_join(s);
    port_close(to_second);
    scenario_reason("%lu times locked; looked %lu times, %lu at a busy one", locked, sleeping,
                    busy);
}

/* ---- down ------------------------------------------------------------------------------------ */

static void down_wait(unsigned int vcpu)
{
    while (hypercall_vcpu_op(VCPUOP_is_up, vcpu, NULL))
        second_yield();
}

/* The state that the hypervisor says vCPU n is in. */
static int state_of(unsigned int n)
{
    struct vcpu_runstate_info info;

    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_get_runstate_info, n, &info), 0);
    return info.state;
}

static void blocked_wait(unsigned int n)
{
    while (state_of(n) != RUNSTATE_blocked)
        second_yield();
}

SCENARIO(
    vcpu_events_down, "vcpu-events-down",
    "a vCPU that went down blocked stays so when it is up; what was sent to it meanwhile wakes it")
{
    struct second *s;
    uint64_t seen;

    seconds_require(1);
    got = got_b = upcalls = blocked = stop = 0;
    to_second_b = 0;
    to_second = port_bind_ipi(1);
    port_unmask(to_second);
    s = second_start(1, block, NULL);
    blocked_wait(1);
    seen = blocked;
    for (unsigned int i = 0; i < 2; i++) {
        EXPECT_EQ(hypercall_vcpu_op(VCPUOP_down, 1, NULL), 0);
        EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
        EXPECT_EQ(state_of(1), RUNSTATE_blocked);
        EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
        blocked_wait(1);
    }
    EXPECT_EQ(blocked, seen); /* not woken */
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_down, 1, NULL), 0);
    EXPECT_EQ(port_send(to_second), 0);
    for (unsigned int i = 0; i < 20; i++)
        second_yield();
    EXPECT_EQ(got, 0);
    EXPECT_EQ(state_of(1), RUNSTATE_offline);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
    second_wait(&got, 1);
    stop = 1;
    EXPECT_EQ(port_send(to_second), 0);
    second_join(s);
    down_wait(1);
    port_close(to_second);
}

/* ---- poll ------------------------------------------------------------------------------------ */

struct poll_job {
    evtchn_port_t ports[3];
    unsigned int count;
    uint64_t timeout; /* from now, ns; 0 = none */
    volatile uint64_t wakes;
    volatile long rc;
};

/* Polls until told to stop, and counts how often it comes back. */
static void poll_again(struct second *self)
{
    struct poll_job *job = self->arg;

    while (!stop) {
        struct sched_poll poll = { .nr_ports = job->count,
                                   .timeout = job->timeout ? clock_ns() + job->timeout : 0 };

        set_xen_guest_handle(poll.ports, job->ports);
        job->rc = hypercall_sched_op(SCHEDOP_poll, &poll);
        for (unsigned int i = 0; i < job->count; i++)
            (void)port_take(job->ports[i]);
        job->wakes++;
    }
}

SCENARIO(vcpu_poll, "vcpu-poll",
         "a port that is polled for wakes the vCPU, masked or not, once for each event")
{
    static struct poll_job job;
    struct second *s;
    evtchn_port_t other;

    seconds_require(1);
    stop = 0;
    job = (struct poll_job){ .count = 1 };
    job.ports[0] = port_bind_ipi(1);
    other = port_bind_ipi(0);
    port_mask(job.ports[0]);
    port_mask(other);
    s = second_start(1, poll_again, &job);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        blocked_wait(1);
        EXPECT_EQ(job.wakes, i);
        EXPECT_EQ(port_send(other), 0); /* not polled for, not its own */
        EXPECT_EQ(state_of(1), RUNSTATE_blocked);
        EXPECT_EQ(port_send(job.ports[0]), 0);
        second_wait(&job.wakes, i + 1);
        EXPECT_EQ(job.rc, 0);
    }
    blocked_wait(1);
    stop = 1;
    EXPECT_EQ(port_send(job.ports[0]), 0);
    second_join(s);
    (void)port_take(other);
    port_close(job.ports[0]);
    port_close(other);
    scenario_reason("%lu wakes", job.wakes);
}

SCENARIO(vcpu_poll_many, "vcpu-poll-many",
         "two vCPUs poll for the same ports: one event wakes both")
{
    static struct poll_job job[2];
    struct second *s[2];

    seconds_require(2);
    stop = 0;
    for (unsigned int i = 0; i < 2; i++)
        job[i] = (struct poll_job){ .count = 3 };
    for (unsigned int i = 0; i < 3; i++) {
        job[0].ports[i] = job[1].ports[i] = port_bind_ipi(0);
        port_mask(job[0].ports[i]);
    }
    for (unsigned int i = 0; i < 2; i++)
        s[i] = second_start(i + 1, poll_again, &job[i]);
    for (uint64_t i = 1; i <= 60; i++) {
        uint64_t seen[2];

        blocked_wait(1);
        blocked_wait(2);
        seen[0] = job[0].wakes;
        seen[1] = job[1].wakes;
        EXPECT_EQ(port_send(job[0].ports[i % 3]), 0);
        while (job[0].wakes == seen[0] || job[1].wakes == seen[1])
            second_yield();
    }
    stop = 1;
    (void)port_send(job[0].ports[0]);
    second_join(s[0]);
    second_join(s[1]);
    for (unsigned int i = 0; i < 3; i++)
        port_close(job[0].ports[i]);
}

SCENARIO(vcpu_poll_timeout, "vcpu-poll-timeout",
         "a poll ends by its timeout, also for no port; an event of the vCPU's own ends it too")
{
    static struct poll_job job;
    struct second *s;
    evtchn_port_t own;
    uint64_t seen;

    seconds_require(1);
    stop = 0;
    job = (struct poll_job){ .count = 0, .timeout = 2000000 };
    s = second_start(1, poll_again, &job);
    while (job.wakes < 5)
        second_yield();
    EXPECT_EQ(job.rc, 0);
    stop = 1;
    second_join(s);

    stop = 0;
    own = port_bind_ipi(1); /* open, and not polled for: masked is only the vCPU */
    port_unmask(own);
    job = (struct poll_job){ .count = 1 };
    job.ports[0] = port_bind_ipi(1);
    port_mask(job.ports[0]);
    s = second_start(1, poll_again, &job);
    blocked_wait(1);
    seen = job.wakes;
    (void)second_ports(1);
    EXPECT_EQ(port_send(own), 0);
    while (job.wakes == seen)
        second_yield();
    EXPECT(port_is_pending(own));
    (void)port_take(own);
    stop = 1;
    EXPECT_EQ(port_send(job.ports[0]), 0);
    second_join(s);
    port_close(own);
    port_close(job.ports[0]);
    (void)second_ports(1);
}
