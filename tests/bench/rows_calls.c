/*
 * SPDX-License-Identifier: MIT
 *
 * rows_calls.c - the way in and out: the clock itself, hypercalls that do nothing, events, the timer.
 */
#include "bench.h"

#include "guest.h"
#include "traps.h"

#define TICKS 300U

extern const uint64_t trap_stubs[];
void bench_event_entry(void);
extern volatile uint64_t bench_events; /* upcalls that the lean stub has taken */

static void row_clock(const char *name)
{
    uint64_t start = clock_start();

    bench_report(name, clock_stop() - start, 1);
}

static void row_hypercall(const char *name)
{
    MEASURE(name, 1000, 1, hypercall_xen_version(XENVER_version, NULL));
}

static void row_yield(const char *name)
{
    MEASURE(name, 1000, 1, hypercall_sched_op(SCHEDOP_yield, NULL));
}

/* ---- events: the upcall goes to the lean stub, and no other port is let through ---- */

/* The stub clears the whole word of pending bits: all ports are below 64, and only one is unmasked. */
static uint64_t ports_take(evtchn_port_t port)
{
    uint64_t before = shared_info_page.evtchn_mask[0];

    if (port >= 64)
        guest_panic("bench: port %u", port);
    __atomic_store_n(&shared_info_page.evtchn_mask[0], ~(1UL << port), __ATOMIC_SEQ_CST);
    shared_info_page.evtchn_pending[0] &= ~(1UL << port);
    guest_vcpu_info()->evtchn_upcall_pending = 0;
    guest_vcpu_info()->evtchn_pending_sel = 0;
    bench_callback(CALLBACKTYPE_event, (uint64_t)bench_event_entry);
    guest_vcpu_info()->evtchn_upcall_mask = 0;
    return before;
}

static void ports_give_back(uint64_t mask)
{
    guest_vcpu_info()->evtchn_upcall_mask = 1;
    bench_callback(CALLBACKTYPE_event, trap_stubs[TRAP_EVENT]);
    __atomic_store_n(&shared_info_page.evtchn_mask[0], mask, __ATOMIC_SEQ_CST);
    /* What came in meanwhile is looked for by the library's handler once events are unmasked. */
    guest_vcpu_info()->evtchn_pending_sel = 1;
    guest_vcpu_info()->evtchn_upcall_pending = 1;
}

static void row_event(const char *name)
{
    struct evtchn_bind_ipi bind = { .vcpu = 0 };
    uint64_t mask, before;

    bench_check(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind), "bind_ipi");
    struct evtchn_send send = { .port = bind.port };
    struct evtchn_close close = { .port = bind.port };

    mask = ports_take(bind.port);
    before = bench_events;
    MEASURE(name, 500, 1, hypercall_event_channel_op(EVTCHNOP_send, &send));
    if (bench_events - before != 500)
        guest_panic("bench: %lu of 500 events came", bench_events - before);
    ports_give_back(mask);
    bench_check(hypercall_event_channel_op(EVTCHNOP_close, &close), "close");
}

/* The port of the timer: bound by the library, found by its being the one that the tick makes pending. */
static evtchn_port_t timer_port(void)
{
    struct evtchn_status status = { .dom = DOMID_SELF };

    for (status.port = 1; status.port < 64; status.port++)
        if (!hypercall_event_channel_op(EVTCHNOP_status, &status) &&
            status.status == EVTCHNSTAT_virq && status.u.virq == VIRQ_TIMER)
            return status.port;
    guest_panic("bench: no timer");
}

/*
 * Reads the TSC over and over until another upcall than `seen` came. The window from the last read that
 * surely was before it to one behind it holds all of it: from the interrupted instruction to itself again.
 */
static uint64_t upcall_window(uint64_t seen)
{
    uint64_t before = clock_read(), now;

    for (;;) {
        now = clock_read();
        if (bench_events != seen)
            break;
        before = now;
    }
    return clock_read() - before;
}

/* The window in which nothing came: the shortest, since QEMU translates the loop during the first. */
static uint64_t empty_window(void)
{
    uint64_t best = ~0UL;

    for (unsigned int n = 0; n < TICKS; n++) {
        uint64_t window = upcall_window(bench_events - 1);

        if (window < best)
            best = window;
    }
    return best;
}

/* The row is the mean, for instructions; the best one is for time, where the machine pauses at will. */
static void row_timer(const char *name)
{
    vcpu_set_periodic_timer_t period = { .period_ns = 1000000 };
    uint64_t mask = ports_take(timer_port()), total = 0, best = ~0UL;
    uint64_t idle = empty_window();

    bench_check(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &period), "periodic timer");
    (void)clock_start();
    for (unsigned int n = 0; n < TICKS; n++) {
        uint64_t window = upcall_window(bench_events);

        window -= window < idle ? window : idle;
        total += window;
        if (window < best)
            best = window;
    }
    (void)clock_stop();
    bench_check(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), "stop timer");
    ports_give_back(mask);
    bench_report(name, total, TICKS);
    bench_report("timer-tick-best", best, 1);
}

const struct bench_row bench_rows_calls[] = {
    { "read-of-the-clock", row_clock }, { "null-hypercall", row_hypercall }, { "yield", row_yield },
    { "event-to-self", row_event },     { "timer-tick", row_timer },         { NULL, NULL },
};
