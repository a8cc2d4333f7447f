/* SPDX-License-Identifier: MIT */
/*
 * The next deadline, by the timer of the local APIC, or where that cannot be had by the PIT, as a
 * one-shot of at most 50 ms.
 *
 * Invariant: while there is a deadline, an interrupt comes at hardware_next, which is not after it,
 * or has come and waits to be taken. One that comes early leads to the next step.
 *
 * Under TCG a write that sets the hardware wakes a thread of QEMU and costs more than all the rest of
 * a tick. So a deadline that moves on leaves the hardware as it is: most move again before it
 * interrupts. And deadlines at equal distances, a guest's periodic timer, are left to it to repeat.
 */
#include "cpu/timer.h"

#include "cpu/apic.h"
#include "cpu/irq.h"
#include "cpu/pit.h"
#include "dom/sched.h"
#include "lib/printk.h"
#include "lib/uart.h"
#include "lib/x86.h"

#define STEP_NS       50000000ull
#define REPEAT_MAX_NS 1000000000ull
#define FAR_NS        1000000000000ull /* in TSC ticks it still fits 64 bits; the steps correct it */
#define NS_PER_S      1000000000ull

static uint64_t timer_deadline; /* system time of the nearest demand, 0 = none */
static uint64_t hardware_next;  /* when the hardware interrupts next, 0 = not again */
static uint64_t repeat;         /* ns from each interrupt to the next by itself, 0 = none */
static uint64_t interval;       /* from the last deadline's expiry to the deadline behind it */
static bool expiring, by_apic;

void timer_init(void)
{
    apic_init();
    by_apic = apic_timer_init(clock_init());
    printk(LOG_INFO, "Deadlines by the %s.\n", by_apic ? "local APIC" : "PIT");
    irq_init();
    if (by_apic)
        outb(PIT_COMMAND, PIT_ONESHOT0); /* and never a count: the firmware's tick ends */
    else
        irq_unmask(0);
    if (uart_irq() && uart_irq() < 16) {
        uart_input_irq(true);
        irq_unmask(uart_irq());
    }
}

static void pit_arm(uint64_t ns)
{
    uint64_t ticks = (ns * PIT_HZ + NS_PER_S - 1) / NS_PER_S;

    outb(PIT_COMMAND, PIT_ONESHOT0);
    outb(PIT_CHANNEL0, (uint8_t)ticks);
    outb(PIT_CHANNEL0, (uint8_t)(ticks >> 8));
}

/* A long way is gone in steps, of which the last is short: no error of the rate makes it late. */
static void hardware_arm(uint64_t ns)
{
    if (ns > STEP_NS)
        ns = by_apic ? ns - ns / 64 : STEP_NS;
    hardware_next = system_time() + ns;
    if (by_apic)
        apic_timer_arm(ns, repeat);
    else
        pit_arm(ns);
}

/* The deadline is a new one, seen at tsc or now: the hardware is to interrupt by then. */
static void deadline_set(uint64_t tsc, uint64_t now)
{
    uint64_t ns = timer_deadline > now ? timer_deadline - now : 1;

    if (ns > FAR_NS)
        ns = FAR_NS;
    this_cpu()->timer_tsc = tsc + ns * tsc_scale.khz / 1000000;
    if (hardware_next && hardware_next <= timer_deadline)
        return;
    repeat = 0;
    hardware_arm(ns);
}

void timer_arm(uint64_t deadline_ns)
{
    uint64_t tsc;

    if (!deadline_ns || (timer_deadline && timer_deadline <= deadline_ns))
        return;
    timer_deadline = deadline_ns;
    if (expiring)
        return;
    tsc = rdtsc();
    deadline_set(tsc, tsc_to_ns(tsc));
}

/* What is due is done; the deadline behind it is set once, when it is known. */
static void timer_expire(uint64_t tsc, uint64_t now)
{
    uint64_t before = interval;

    timer_deadline = 0;
    this_cpu()->timer_tsc = ~0ull;
    expiring = true;
    vcpu_timers_expire(now);
    expiring = false;
    interval = timer_deadline - now;
    if (!timer_deadline)
        return;
    if (by_apic && !repeat && interval == before && interval <= REPEAT_MAX_NS) {
        repeat = interval;
        hardware_arm(interval);
        hardware_next = timer_deadline; /* or a little later, as the deadline was seen late */
    }
    deadline_set(tsc, now);
}

void timer_poll(void)
{
    uint64_t tsc = rdtsc();

    if (tsc >= this_cpu()->timer_tsc)
        timer_expire(tsc, tsc_to_ns(tsc));
}

void timer_interrupt(void)
{
    uint64_t tsc = rdtsc(), now = tsc_to_ns(tsc);

    hardware_next = repeat ? now + repeat : 0;
    if (timer_deadline && timer_deadline <= now + TIMER_SLOP_NS) {
        timer_expire(tsc, now);
    } else if (timer_deadline) {
        hardware_next = 0;
        deadline_set(tsc, now);
    } else if (repeat) {
        hardware_next = repeat = 0;
        apic_timer_stop();
    }
}
