/* SPDX-License-Identifier: MIT */
/*
 * What the ABI emulates for the guest kernel. Each returns true when the instruction was carried
 * out (registers and RIP updated) or a different fault was already reflected; false: reflect the
 * original exception.
 */
#ifndef HV_PV_EMULATE_H
#define HV_PV_EMULATE_H

#include <stdbool.h>
#include <stdint.h>

#include "dom/vcpu.h"

/* #GP with error code 0 from guest mode: privileged instructions (pv/priv_op.c). */
bool emulate_priv_op(struct vcpu *v, struct cpu_regs *regs);
/* #UD: the forced-emulation prefix and CPUID. */
bool emulate_forced(struct vcpu *v, struct cpu_regs *regs);
/* #GP with the IDT bit in its error code: INT n, by its instruction bytes (never by the code). */
bool emulate_int_n(struct vcpu *v, struct cpu_regs *regs);
/*
 * The guest kernel has written to va, which is mapped and which it may only read: with the assist
 * writable_pagetables perhaps an L1 (pv/ptwr_fault.c), else its own fault. Leaves nothing to reflect.
 */
void ptwr_fault(struct cpu_regs *regs, uint64_t va);
/* #PF in the LDT window of the per-domain area: map the guest's LDT page, or not (pv/descriptor.c). */
bool ldt_fault(struct vcpu *v, uint64_t va);

#endif
