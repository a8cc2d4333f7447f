/* SPDX-License-Identifier: MIT */
/*
 * The two ways in which the hypervisor gives up: a fault of its own (panic) and a boot that was not
 * given what it needs (boot_failure). No guest input leads here once a domain runs.
 */
#include "lib/machine.h"
#include "lib/printk.h"

bool opt_noreboot, opt_smep = true, opt_smap;

static const char stars[] = "****************************************\n";

static void give_up(const char *fmt, va_list args)
{
    char text[256];

    vsnprintk(text, sizeof(text), fmt, args);
    printk(LOG_ALWAYS, "\n");
    printk(LOG_ALWAYS, "%s", stars);
    printk(LOG_ALWAYS, "Panic on CPU 0:\n");
    printk(LOG_ALWAYS, "%s\n", text);
    printk(LOG_ALWAYS, "%s", stars);
    printk(LOG_ALWAYS, "\n");
    printk(LOG_ALWAYS,
           opt_noreboot ? "Manual reset required ('noreboot' specified)\n" : "Rebooting.\n");
}

void panic(const char *fmt, ...)
{
    static int panics;
    va_list args;

    /* A fault in the dump, or in this very text: what is out is out. */
    if (panics++ == 0) {
        console_break_lock();
        dump_hypervisor();
    }
    if (panics <= 2) {
        console_break_lock();
        va_start(args, fmt);
        give_up(fmt, args);
        va_end(args);
        if (panics == 1)
            books_report();
    }
    machine_stop(MACHINE_FAILURE);
}

void boot_failure(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    give_up(fmt, args);
    va_end(args);
    machine_stop(MACHINE_FAILURE);
}
