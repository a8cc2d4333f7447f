/*
 * SPDX-License-Identifier: MIT
 *
 * rows_boot.c - how far the TSC had come when the kernel's first instruction ran.
 *
 * It starts at 0 with the machine, so firmware and loader are inside; scripts/bench takes off what
 * firmware.S, which is loaded the same way and does nothing, finds on the clock.
 */
#include "bench.h"

#include "guest.h"

static void row_boot(const char *name)
{
    bench_report(name, guest_first_tsc, 1);
}

const struct bench_row bench_rows_boot[] = {
    { "boot", row_boot },
    { NULL, NULL },
};
