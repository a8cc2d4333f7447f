/*
 * SPDX-License-Identifier: MIT
 *
 * main.c - bring-up, in order, and the ways to stop.
 *
 * start.S calls guest_start on the boot stack, events masked.  When guest_main returns, the domain
 * powers off.
 */
#include "guest.h"

#include "clock.h"
#include "cmdline.h"
#include "console.h"
#include "events.h"
#include "hypercall.h"
#include "kprint.h"
#include "mm/mm.h"
#include "mm/p2m.h"
#include "mm/steps.h"
#include "ramdisk.h"
#include "thread.h"
#include "traps.h"

#include <stdio.h>

void guest_start(const start_info_t *si) __attribute__((noreturn));

const start_info_t *guest_start_info;

void (*guest_panic_hook)(void);

void guest_shutdown(unsigned int reason)
{
    struct sched_shutdown shutdown = { .reason = reason };

    fflush(NULL);
    console_drain();
    for (;;)
        (void)hypercall_sched_op(SCHEDOP_shutdown, &shutdown);
}

void guest_panic(const char *fmt, ...)
{
    struct sched_shutdown shutdown = { .reason = SHUTDOWN_crash };
    char text[200];
    va_list ap;

    va_start(ap, fmt);
    kformat(text, sizeof(text), fmt, ap);
    va_end(ap);
    kprint("guest panic: %s\n", text);
    if (guest_panic_hook)
        guest_panic_hook();
    console_drain();
    for (;;)
        (void)hypercall_sched_op(SCHEDOP_shutdown, &shutdown);
}

void guest_start(const start_info_t *si)
{
    guest_start_info = si;
    p2m_init(si);
    console_init(si);
    traps_init();
    mm_map_shared_info(si);
    cmdline_init((const char *)si->cmd_line);
    steps_trace = cmdline_flag("trace");
    mm_init(si);
    threads_init();
    events_init();
    clock_init();
    console_bind_events();
    ramdisk_init(si);
    guest_main(si);
    guest_shutdown(SHUTDOWN_poweroff);
}
