/* SPDX-License-Identifier: MIT */
/*
 * The clock and the next deadline. System time counts from timer_init() in ns, by the TSC, whose rate
 * is measured against the PIT's fixed one. Deadlines use the PIT as a one-shot of at most 50 ms:
 * longer ones are reached in several steps.
 *
 * Invariant: tsc_scale never changes after timer_init(), so a guest's copy of it stays true.
 */
#include "cpu/timer.h"

#include "cpu/irq.h"
#include "dom/sched.h"
#include "lib/printk.h"
#include "lib/uart.h"
#include "lib/x86.h"

#define PIT_HZ       1193182ull
#define PIT_CHANNEL0 0x40
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND  0x43
#define PIT_ONESHOT0 0x30 /* channel 0, both bytes, interrupt on terminal count */
#define PIT_ONESHOT2 0xb0
#define PORT_SPEAKER 0x61 /* bit 0: gate of channel 2, bit 1: speaker, bit 5: output of channel 2 */
#define GATE2        0x01
#define SPEAKER      0x02
#define OUTPUT2      0x20

#define CALIBRATE_TICKS 2387u /* 2 ms */
#define CALIBRATE_RUNS  3u
#define STEP_NS         50000000ull
#define FAR_NS          1000000000000ull /* in TSC ticks it still fits 64 bits; the steps correct it */
#define NS_PER_S        1000000000ull

struct tsc_scale tsc_scale;
static uint64_t timer_deadline; /* system time, 0 = none */

uint64_t system_time(void)
{
    return tsc_scale.mul ? tsc_to_ns(rdtsc()) : 0;
}

/* TSC ticks while channel 2 counts CALIBRATE_TICKS down; 0 if it never gets there. */
static uint64_t calibrate_once(void)
{
    uint8_t port = inb(PORT_SPEAKER) & ~(GATE2 | SPEAKER);
    uint64_t start, end;

    outb(PORT_SPEAKER, port);
    outb(PIT_COMMAND, PIT_ONESHOT2);
    outb(PIT_CHANNEL2, CALIBRATE_TICKS & 0xff);
    outb(PIT_CHANNEL2, CALIBRATE_TICKS >> 8);
    outb(PORT_SPEAKER, port | GATE2);
    start = rdtsc();
    for (unsigned i = 0; !(inb(PORT_SPEAKER) & OUTPUT2); i++)
        if (i == 10000000)
            return 0;
    end = rdtsc();
    outb(PORT_SPEAKER, port);
    return end - start;
}

/* The smallest of a few: whatever disturbs a measurement makes it longer. */
static uint64_t calibrate_hz(void)
{
    uint64_t best = 0;

    for (unsigned i = 0; i < CALIBRATE_RUNS; i++) {
        uint64_t ticks = calibrate_once();

        if (ticks && (!best || ticks < best))
            best = ticks;
    }
    return best * PIT_HZ / CALIBRATE_TICKS;
}

/* ns = ticks * 10^9 / hz as (ticks << shift) * mul >> 32, with mul in [2^31, 2^32). */
static void scale_set(uint64_t hz)
{
    uint64_t ns = NS_PER_S, mul;
    int8_t shift = 0;

    for (; ns < hz; shift--)
        ns <<= 1;
    for (; ns >= hz; shift++) /* now hz / 2 <= ns < hz, and ns / hz is the fraction */
        ns = (ns + 1) >> 1;
    while (hz >> 32) {
        hz >>= 1;
        ns >>= 1;
    }
    mul = (ns << 32) / hz;
    tsc_scale.mul = (uint32_t)mul;
    tsc_scale.shift = shift;
    tsc_scale.khz = (uint32_t)(hz / 1000);
    tsc_scale.tsc_base = rdtsc();
}

void timer_init(void)
{
    uint64_t hz = calibrate_hz();

    if (!hz) {
        printk(LOG_WARNING, "PIT does not count: taking the TSC as 1 GHz\n");
        hz = NS_PER_S;
    }
    scale_set(hz);
    printk(LOG_INFO, "Detected %lu.%03lu MHz processor.\n", hz / 1000000, hz / 1000 % 1000);
    irq_init();
    irq_unmask(0);
    if (uart_irq() && uart_irq() < 16) {
        uart_input_irq(true);
        irq_unmask(uart_irq());
    }
}

static void timer_program(uint64_t now)
{
    uint64_t ns, ticks;

    ns = timer_deadline > now ? timer_deadline - now : 1;
    if (ns > FAR_NS)
        ns = FAR_NS;
    this_cpu()->timer_tsc = rdtsc() + ns * tsc_scale.khz / 1000000;
    if (ns > STEP_NS)
        ns = STEP_NS;
    ticks = (ns * PIT_HZ + NS_PER_S - 1) / NS_PER_S;
    outb(PIT_COMMAND, PIT_ONESHOT0);
    outb(PIT_CHANNEL0, (uint8_t)ticks);
    outb(PIT_CHANNEL0, (uint8_t)(ticks >> 8));
}

void timer_arm(uint64_t deadline_ns)
{
    timer_deadline = deadline_ns;
    if (deadline_ns)
        timer_program(system_time());
    else
        this_cpu()->timer_tsc = ~0ull;
}

void timer_poll(void)
{
    if (timer_deadline && system_time() >= timer_deadline)
        timer_interrupt();
}

void timer_interrupt(void)
{
    uint64_t now = system_time();

    if (!timer_deadline)
        return;
    if (now < timer_deadline) {
        timer_program(now);
        return;
    }
    timer_deadline = 0;
    this_cpu()->timer_tsc = ~0ull;
    vcpu_timers_expire(now);
}
