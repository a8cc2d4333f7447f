/* SPDX-License-Identifier: MIT */
/* Stands in for hv/config/percpu_arch.h: the test machine's CPU that is running now. */
#ifndef HV_CONFIG_PERCPU_ARCH_H
#define HV_CONFIG_PERCPU_ARCH_H

#include "lib/percpu.h"

extern struct percpu *machine_this_cpu;

static inline struct percpu *this_cpu(void)
{
    return machine_this_cpu;
}

static inline struct vcpu *this_vcpu(void)
{
    return machine_this_cpu->current;
}

#endif
