/*
 * SPDX-License-Identifier: MIT
 *
 * vcpu-ipi…, vcpu-events-…: events between vCPUs.
 *
 * Background: an event sets a pending bit, its vCPU's selector bit, its vCPU's upcall_pending, in this
 * order, each only if the one before was clear; then the vCPU is told, woken from SCHEDOP_block or
 * SCHEDOP_poll if it waits there. Who clears in the opposite order loses none.
 *
 * Expected: of N events N arrive when each is waited for; what is sent to a vCPU that is down waits for
 * it, and one that went down blocked is blocked when it is up.
 */
#include "port.h"
#include "second.h"

#define ROUNDS 500

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
    port_drop(to_second);
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
    port_drop(to_second);
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
    port_drop(to_second);
    scenario_reason("%lu times locked; looked %lu times, %lu at a busy one", locked, sleeping,
                    busy);
}

/* ---- down ------------------------------------------------------------------------------------ */

static void down_wait(unsigned int vcpu)
{
    while (hypercall_vcpu_op(VCPUOP_is_up, vcpu, NULL))
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
    second_blocked_wait(1);
    seen = blocked;
    for (unsigned int i = 0; i < 2; i++) {
        EXPECT_EQ(hypercall_vcpu_op(VCPUOP_down, 1, NULL), 0);
        EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
        EXPECT_EQ(second_state(1), RUNSTATE_blocked);
        EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
        second_blocked_wait(1);
    }
    EXPECT_EQ(blocked, seen); /* not woken */
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_down, 1, NULL), 0);
    EXPECT_EQ(port_send(to_second), 0);
    for (unsigned int i = 0; i < 20; i++)
        second_yield();
    EXPECT_EQ(got, 0);
    EXPECT_EQ(second_state(1), RUNSTATE_offline);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
    second_wait(&got, 1);
    stop = 1;
    EXPECT_EQ(port_send(to_second), 0);
    second_join(s);
    down_wait(1);
    port_drop(to_second);
}
