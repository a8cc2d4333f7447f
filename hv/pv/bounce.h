/* SPDX-License-Identifier: MIT */
/*
 * Builds the ABI's exception frame on the guest kernel's stack and points the vCPU's registers at
 * the handler. The frame, ascending from the new RSP: RCX, R11, (error code), RIP, CS with the saved
 * upcall mask in bits 32-39, RFLAGS, RSP, SS. Worst outcome is the domain's death (hazard X3).
 */
#ifndef HV_PV_BOUNCE_H
#define HV_PV_BOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "dom/vcpu.h"

/* Reflects an exception through the guest's trap table. error_code: -1 = the vector pushes none. */
void bounce_exception(struct vcpu *v, struct cpu_regs *regs, unsigned vector, long error_code);

/* A page fault: also stores CR2 in the vCPU and in vcpu_info.arch.cr2 before delivery. */
void bounce_page_fault(struct vcpu *v, struct cpu_regs *regs, uint64_t cr2, uint32_t error_code);

/*
 * Derives v->fault_handler and fault_mask, by which cpu/fault.S and cpu/user.S reflect page faults,
 * and whether they take their short ways at all: to be called when the handler for #PF or the
 * domain's IOPL assist has changed.
 */
void bounce_fault_route(struct vcpu *v);

/* Event, syscall-from-user and NMI callbacks. */
void bounce_event(struct vcpu *v, struct cpu_regs *regs);
void bounce_syscall(struct vcpu *v, struct cpu_regs *regs);
void bounce_nmi(struct vcpu *v, struct cpu_regs *regs);
/* SYSCALL and SYSENTER of 32-bit code: a registered callback (va not 0), no error code. */
void bounce_callback(struct vcpu *v, struct cpu_regs *regs, const struct vcpu_callback *callback,
                     uint64_t clear_rflags);
/* Segment load failure on the way out: DS, ES, FS, GS follow R11 in the frame. */
void bounce_failsafe(struct vcpu *v, struct cpu_regs *regs);

#endif
