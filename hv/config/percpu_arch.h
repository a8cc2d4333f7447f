/* SPDX-License-Identifier: MIT */
/* this_cpu() on the machine: the GS base holds the per-CPU area while the hypervisor runs. */
#ifndef HV_CONFIG_PERCPU_ARCH_H
#define HV_CONFIG_PERCPU_ARCH_H

static inline struct percpu *this_cpu(void)
{
    struct percpu *cpu;

    asm("mov %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

#endif
