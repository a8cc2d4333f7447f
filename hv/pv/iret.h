/* SPDX-License-Identifier: MIT */
/* The iret hypercall's work, without its way out. */
#ifndef HV_PV_IRET_H
#define HV_PV_IRET_H

/*
 * Reads struct iret_context at the current vCPU's RSP and makes it the vCPU's context: RAX, RCX, R11,
 * RIP, CS, RFLAGS, RSP, SS, the upcall mask, the mode. Other registers are left as they are in
 * v->regs. A frame that cannot be read, or user mode without a user base, is the domain's end.
 */
void iret_perform(void);

#endif
