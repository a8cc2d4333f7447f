/*
 * SPDX-License-Identifier: MIT
 *
 * vcpu-poll…: vCPUs that wait for a port, for a time, or for both.
 *
 * Background: SCHEDOP_poll names ports and a deadline; a vCPU in it is woken as from SCHEDOP_block, but
 * by the pending bit of a port that it polls for, masked or not.
 *
 * Expected: a vCPU that polls is woken by the port that it polls for, by a timeout, or by an event of
 * its own, and by nothing else once for each.
 */
#include "port.h"
#include "second.h"

#include "clock.h"

#define ROUNDS 500

static volatile uint64_t stop;

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
        second_blocked_wait(1);
        EXPECT_EQ(job.wakes, i);
        EXPECT_EQ(port_send(other), 0); /* not polled for, not its own */
        EXPECT_EQ(second_state(1), RUNSTATE_blocked);
        EXPECT_EQ(port_send(job.ports[0]), 0);
        second_wait(&job.wakes, i + 1);
        EXPECT_EQ(job.rc, 0);
    }
    second_blocked_wait(1);
    stop = 1;
    EXPECT_EQ(port_send(job.ports[0]), 0);
    second_join(s);
    (void)port_take(other);
    port_drop(job.ports[0]);
    port_drop(other);
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

        second_blocked_wait(1);
        second_blocked_wait(2);
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
        port_drop(job[0].ports[i]);
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
    second_blocked_wait(1);
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
    port_drop(own);
    port_drop(job.ports[0]);
    (void)second_ports(1);
}
