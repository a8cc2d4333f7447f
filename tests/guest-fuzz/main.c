/*
 * SPDX-License-Identifier: MIT
 *
 * main.c - the loop over steps, the marks of progress, and what a finding prints.
 *
 * Command line: seed=N from=N to=N verbose=1, or watched=1 for that one step. Lines that scripts/fuzz-guest reads:
 *   fuzz: seed S epoch at STEP calls N     at the start of each epoch
 *   fuzz: step N KIND                      before each step, with verbose=1
 *   FINDING: ...                           the last but for the crash
 *   fuzz: done STEPS steps, CALLS calls
 */
#include "fuzz.h"

#include "cmdline.h"
#include "console.h"
#include "kprint.h"

#include <stdlib.h>

static uint64_t seed, step;

void finding(const char *fmt, ...)
{
    struct sched_shutdown shutdown = { .reason = SHUTDOWN_crash };
    char text[200];
    va_list ap;

    info->evtchn_upcall_mask = 1;
    (void)hypercall_set_debugreg(7, 0);
    (void)hypercall_fpu_taskswitch(0);
    va_start(ap, fmt);
    kformat(text, sizeof(text), fmt, ap);
    va_end(ap);
    kprint("\nFINDING: %s\n", text);
    kprint("fuzz: seed %lu step %lu %s\n", seed, step, step_name());
    console_drain();
    for (;;)
        (void)hypercall_sched_op(SCHEDOP_shutdown, &shutdown);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    char text[24], *end = text;
    uint64_t value;

    if (!cmdline_get(name, text, sizeof(text)))
        return otherwise;
    value = strtoul(text, &end, 0);
    if (!*text || *end)
        guest_panic("guest-fuzz: %s=%s is no number", name, text);
    return value;
}

void guest_main(const start_info_t *si)
{
    static const char *const known[] = { "seed", "from", "to", "verbose", "watched", NULL };
    uint64_t from, to;
    bool fresh = true;

    (void)si;
    cmdline_report_unknown(known);
    seed = number("seed", 1);
    from = number("from", 0);
    to = number("to", ~0UL);
    verbose = cmdline_flag("verbose");
    world_make(seed);
    if (cmdline_flag("watched")) {
        world_reset();
        step_watched();
        to = from;
    }
    for (step = from; step < to; step++) {
        if (fresh || step % EPOCH == 0) {
            random_start(~seed, step / EPOCH);
            world_reset();
            kprint("fuzz: seed %lu epoch at %lu calls %lu\n", seed, step,
                   calls_made + calls_in_all);
            fresh = false;
        }
        random_start(seed, step);
        world_restore();
        if (verbose)
            kprint("fuzz: step %lu\n", step);
        step_run();
        pool_check();
        (void)hypercall_fpu_taskswitch(0);
        if (verbose)
            kprint("fuzz:   %s: end %u vector %u\n", step_name(), result.end, result.vector);
    }
    world_reset();
    kprint("fuzz: done %lu steps, %lu calls\n", to - from, calls_made + calls_in_all);
}
