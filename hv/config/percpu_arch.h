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

/* The vCPU whose context is loaded: the second word, as of struct percpu as of struct vcpu. */
static inline struct vcpu *this_vcpu(void)
{
    struct vcpu *v;

    asm("mov %%gs:8, %0" : "=r"(v));
    return v;
}

#endif
