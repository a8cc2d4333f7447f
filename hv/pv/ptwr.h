/* SPDX-License-Identifier: MIT */
/* Stores to a live L1 in the general way (pv/ptwr.c). Caller: pv/ptwr_fault.c, after its short way. */
#ifndef HV_PV_PTWR_H
#define HV_PV_PTWR_H

#include <stdbool.h>
#include <stdint.h>

#include "dom/vcpu.h"

/*
 * v's kernel has faulted with a write to va, a guest's address that it may only read. True: carried
 * out, or another fault was reflected; false: the fault is the guest's.
 */
bool ptwr_emulate(struct vcpu *v, struct cpu_regs *regs, uint64_t va);

#endif
