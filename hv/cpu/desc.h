/* SPDX-License-Identifier: MIT */
/* Descriptor tables, the task state segment and the control registers of a CPU. */
#ifndef HV_CPU_DESC_H
#define HV_CPU_DESC_H

/* Selectors of the hypervisor, in the reserved page 14 of each GDT (ABI: entries from 7168 on). */
#define HV_CS  0xe008
#define HV_DS  0xe010 /* SYSCALL: SS = CS + 8 */
#define HV_TSS 0xe040
#define HV_LDT 0xe050

#define GDT_RESERVED_PAGE 14u /* first page of a GDT window that is not the guest's */
#define GDT_RESERVED_BASE 0xe000u
#define GDT_LIMIT         0xefffu

/* The first interrupt vector with a stub of its own: IRQ_VECTOR of cpu/irq.c, less nobody's. */
#define INTERRUPT_STUBS_FIRST 0xdf

#ifndef __ASSEMBLY__

#include <stdint.h>

struct vcpu;

/*
 * First thing in main(): per-CPU area behind GS, our GDT and IDT, so that a fault of our own is
 * reported. Needs the final mapping of the image and nothing else.
 */
void cpu_init_early(void);

/*
 * The rest: task state with a stack of its own for #DF, NMI, #MC and #DB (hv_stack_alloc()), the
 * SYSCALL registers, CR0, CR4 (SMEP where the CPU has it), EFER. Before the first cpu_switch().
 */
void cpu_init(void);

/* Used by cpu/switch.c: the loading half of a context switch. */
void desc_load_own(void);
void desc_load_vcpu(struct vcpu *v);

#endif
#endif
