/* SPDX-License-Identifier: MIT */
/* The machine's interrupt lines: two 8259 controllers. */
#ifndef HV_CPU_IRQ_H
#define HV_CPU_IRQ_H

#include <stdint.h>

/* Programs the controllers, all lines masked. */
void irq_init(void);
/* Lets line 0..15 interrupt. */
void irq_unmask(unsigned line);

#endif
