/* SPDX-License-Identifier: MIT */
/* Context switch between vCPUs; the entry points are declared in dom/sched.h. */
#ifndef HV_CPU_SWITCH_H
#define HV_CPU_SWITCH_H

#include <stdint.h>

#include "dom/vcpu.h"

/*
 * In entry.S: saves the callee-saved registers on this stack, RSP to *save_rsp, and goes on at
 * load_rsp.
 */
void stack_switch_to(uint64_t *save_rsp, uint64_t load_rsp);
/* In entry.S: loads the guest's GS; false and NUL if the selector faults. */
bool segment_load_gs(uint16_t selector);
/* In entry.S: the way to the guest by v->regs; jumped to, never called. */
void exit_full(void);

#endif
