/* SPDX-License-Identifier: MIT */
/*
 * System time: ns since clock_init(), by the TSC. Its rate is measured against the PIT's fixed one, and
 * in the same few milliseconds that of the local APIC's timer.
 *
 * Invariant: tsc_scale never changes after clock_init(), so a guest's copy of it stays true.
 */
#include "cpu/apic.h"
#include "cpu/pit.h"
#include "cpu/timer.h"
#include "dom/sched.h"
#include "lib/printk.h"
#include "lib/x86.h"

#define PORT_SPEAKER 0x61 /* bit 0: gate of channel 2, bit 1: speaker, bit 5: output of channel 2 */
#define GATE2        0x01
#define SPEAKER      0x02
#define OUTPUT2      0x20

#define CALIBRATE_TICKS 2387u /* 2 ms */
#define CALIBRATE_RUNS  3u
#define NS_PER_S        1000000000ull

struct tsc_scale tsc_scale;

uint64_t system_time(void)
{
    return tsc_scale.mul ? tsc_to_ns(rdtsc()) : 0;
}

struct rates {
    uint64_t tsc, apic;
};

/* Ticks while channel 2 counts CALIBRATE_TICKS down; of the TSC 0 if it never gets there. */
static struct rates calibrate_once(void)
{
    uint8_t port = inb(PORT_SPEAKER) & ~(GATE2 | SPEAKER);
    struct rates ticks;
    uint64_t start;

    outb(PORT_SPEAKER, port);
    outb(PIT_COMMAND, PIT_ONESHOT2);
    outb(PIT_CHANNEL2, CALIBRATE_TICKS & 0xff);
    outb(PIT_CHANNEL2, CALIBRATE_TICKS >> 8);
    outb(PORT_SPEAKER, port | GATE2);
    apic_count_start();
    start = rdtsc();
    for (unsigned i = 0; !(inb(PORT_SPEAKER) & OUTPUT2); i++)
        if (i == 10000000)
            return (struct rates){ 0 };
    ticks.tsc = rdtsc() - start;
    ticks.apic = apic_count();
    outb(PORT_SPEAKER, port);
    return ticks;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a && (a < b || !b) ? a : b;
}

/* In Hz. The smallest of a few: whatever disturbs a measurement makes it longer. */
static struct rates calibrate(void)
{
    struct rates best = calibrate_once();

    for (unsigned i = 1; i < CALIBRATE_RUNS; i++) {
        struct rates ticks = calibrate_once();

        best.tsc = smaller(ticks.tsc, best.tsc);
        best.apic = smaller(ticks.apic, best.apic);
    }
    best.tsc = best.tsc * PIT_HZ / CALIBRATE_TICKS;
    best.apic = best.apic * PIT_HZ / CALIBRATE_TICKS;
    return best;
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

uint64_t clock_init(void)
{
    struct rates hz = calibrate();

    if (!hz.tsc) {
        printk(LOG_WARNING, "PIT does not count: taking the TSC as 1 GHz\n");
        hz.tsc = NS_PER_S;
    }
    scale_set(hz.tsc);
    printk(LOG_INFO, "Detected %lu.%03lu MHz processor.\n", hz.tsc / 1000000, hz.tsc / 1000 % 1000);
    return hz.apic;
}
