/* SPDX-License-Identifier: MIT */
/*
 * Where entry.S and syscall.S go, one function for each kind of entry. regs is v->regs when it came from
 * ring 3.
 */
#ifndef HV_CPU_TRAPS_H
#define HV_CPU_TRAPS_H

#include "lib/regs.h"

void trap_page_fault(struct cpu_regs *regs); /* #PF from ring 3 */
void trap_exception(struct cpu_regs *regs);  /* any other exception from ring 3 */
void trap_interrupt(struct cpu_regs *regs);  /* vectors 32 to 255, also from the idle loop */
void trap_hypervisor(struct cpu_regs *regs); /* an exception in ring 0: fixup, or our end */
void trap_own_stack(struct cpu_regs *regs);  /* #DB, NMI, #DF, #MC in ring 0 */
void trap_iretq(struct cpu_regs *fault);     /* IRETQ refused the guest's context */
void trap_syscall(void);                     /* SYSCALL that is no hypercall of the table */
void trap_syscall32(void);
void trap_sysenter(void);

#endif
