/* SPDX-License-Identifier: MIT */
/* Dumps of the hypervisor's own state; those of a guest are declared in dom/dump.h. */
#ifndef HV_CPU_DUMP_H
#define HV_CPU_DUMP_H

#include "lib/regs.h"

/*
 * The frame of an exception in the hypervisor that is about to panic: dump_hypervisor() then shows
 * these registers instead of its caller's.
 */
void dump_fault(const struct cpu_regs *regs);

#endif
