/*
 * SPDX-License-Identifier: MIT
 *
 * main.c - the benchmark kernel: which rows run, and what a row prints.
 *
 * Runs on Pinion and on real Xen alike; scripts/bench reads what it prints. Command line: `rows=A,B`
 * runs these rows alone, without it all of them. One line for each row, and for those that a row makes
 * of one run: `bench NAME ticks=T ops=N`, whose quotient is the figure.
 */
#include "bench.h"

#include "cmdline.h"
#include "events.h"
#include "guest.h"

#include <stdio.h>
#include <string.h>

static const struct bench_row *const tables[] = {
    bench_rows_calls, bench_rows_updates, bench_rows_faults, bench_rows_roots, bench_rows_users,
};

static char wanted[512];

void bench_report(const char *name, uint64_t ticks, uint64_t ops)
{
    printf("bench %s ticks=%lu ops=%lu\n", name, ticks, ops);
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

void guest_main(const start_info_t *si)
{
    unsigned int ran = 0;

    (void)si;
    (void)cmdline_get("rows", wanted, sizeof(wanted));
    for (unsigned int t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (const struct bench_row *row = tables[t]; row->name; row++)
            if (is_wanted(row->name)) {
                bool masked = events_mask();

                row->run(row->name);
                events_restore(masked);
                ran++;
            }
    printf("Test result: %s\n", ran ? "SUCCESS" : "ERROR");
}
