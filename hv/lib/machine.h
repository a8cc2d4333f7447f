/* SPDX-License-Identifier: MIT */
/* The end of the machine, as every room may ask for it. Implemented in cpu/machine.c. */
#ifndef HV_LIB_MACHINE_H
#define HV_LIB_MACHINE_H

#include <stdbool.h>

/* The option noreboot: after a crash or a panic the machine halts instead of starting again. */
extern bool opt_noreboot;

/*
 * The options smep (on unless it says no) and smap (off unless it says yes): use them if the CPU
 * can.
 */
extern bool opt_smep, opt_smap;

/* Values with which the machine is left: what is written to QEMU's debug-exit port. */
#define MACHINE_POWEROFF 0x10u
#define MACHINE_REBOOT   0x11u
#define MACHINE_CRASH    0x13u /* a guest that the machine depends on has crashed */
#define MACHINE_WATCHDOG 0x14u
#define MACHINE_FAILURE  0x1fu /* the hypervisor's own fault, or it could not boot */

/*
 * Waits until the serial line has sent its last byte, then: the debug-exit port; power off
 * (MACHINE_POWEROFF) or reset (all others, unless noreboot holds back a crash, watchdog or
 * failure); halt. Prints nothing: the caller has said why.
 */
__attribute__((noreturn)) void machine_stop(unsigned value);

/* The hypervisor's registers, stack and call trace, for panic(). Implemented in cpu/dump.c. */
void dump_hypervisor(void);

/* Whether references, types and tables agree, for panic() and for dumps. Implemented in dom/books.c. */
void books_report(void);

/*
 * A boot that cannot go on: panic()'s frame around the text, but no dump, because the cause lies in
 * what the machine was given. For main.c and boot/.
 */
__attribute__((noreturn, format(printf, 1, 2))) void boot_failure(const char *fmt, ...);

#endif
