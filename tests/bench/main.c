/*
 * SPDX-License-Identifier: MIT
 *
 * main.c - the benchmark kernel: which rows run, and what a row prints.
 *
 * Runs on Pinion and on real Xen alike; scripts/bench reads what it prints. Command line: `rows=A,B`
 * runs these rows alone, without it all of them; `times=N` runs each N times; `growth=KIND limit=N` is for growth.c. One line for each row, and for those that a row makes
 * of one run: `bench NAME ticks=T ops=N`, whose quotient is the figure.
 */
#include "bench.h"

#include "cmdline.h"
#include "events.h"
#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct bench_row *const tables[] = {
    bench_rows_calls, bench_rows_updates, bench_rows_stores, bench_rows_faults,
    bench_rows_roots, bench_rows_users,   bench_rows_boot,
};

static char wanted[512];

void bench_report(const char *name, uint64_t ticks, uint64_t ops)
{
    printf("bench %s ticks=%lu ops=%lu\n", name, ticks, ops);
}

void bench_callback(unsigned int type, uint64_t address)
{
    struct callback_register callback = {
        .type = (uint16_t)type,
        .flags = CALLBACKF_mask_events,
        .address = address,
    };

    bench_check(hypercall_callback_op(CALLBACKOP_register, &callback), "callback");
}

void bench_check(long rc, const char *what)
{
    if (rc)
        guest_panic("bench: %s: %ld", what, rc);
}

/* No list stands for every row. */
static bool is_wanted(const char *name)
{
    size_t length = strlen(name);

    if (!wanted[0])
        return true;
    for (const char *at = wanted; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == length && !strncmp(at, name, length))
            return true;
    return false;
}

bool bench_run(const char *name, const char *label)
{
    for (unsigned int t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (const struct bench_row *row = tables[t]; row->name; row++)
            if (!strcmp(row->name, name)) {
                bool masked = events_mask();

                row->run(label);
                events_restore(masked);
                return true;
            }
    return false;
}

static unsigned int run_wanted(unsigned long times)
{
    unsigned int ran = 0;

    for (unsigned int t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (const struct bench_row *row = tables[t]; row->name; row++)
            for (unsigned long n = 0; n < times && is_wanted(row->name); n++)
                ran += bench_run(row->name, row->name);
    if (wanted[0] && is_wanted("memory")) {
        bench_memory("memory");
        ran++;
    }
    return ran;
}

/* How many TSC ticks a millisecond has, by the hypervisor's own reckoning. */
static void report_clock(void)
{
    const volatile struct vcpu_time_info *t = &guest_vcpu_info()->time;
    uint64_t khz = (1000000UL << 32) / t->tsc_to_system_mul;

    bench_report("tsc-khz", t->tsc_shift < 0 ? khz << -t->tsc_shift : khz >> t->tsc_shift, 1);
}

void guest_main(const start_info_t *si)
{
    char what[32], limit[16] = "1", times[16] = "1";
    bool ran = true;

    (void)si;
    (void)cmdline_get("rows", wanted, sizeof(wanted));
    (void)cmdline_get("limit", limit, sizeof(limit));
    (void)cmdline_get("times", times, sizeof(times));
    report_clock();
    if (cmdline_get("growth", what, sizeof(what)))
        bench_growth(what, strtoul(limit, NULL, 10));
    else
        ran = run_wanted(strtoul(times, NULL, 10)) > 0;
    printf("Test result: %s\n", ran ? "SUCCESS" : "ERROR");
}
