/* SPDX-License-Identifier: MIT */
/* tlb_load_root() on the machine. The host build's file of this name leaves it to a model of a TLB. */
#ifndef HV_CONFIG_TLB_ARCH_H
#define HV_CONFIG_TLB_ARCH_H

#include "lib/percpu.h"
#include "lib/x86.h"

static inline void tlb_load_root(uint64_t cr3)
{
    struct percpu *cpu = this_cpu();

    cpu->cr3 = cr3;
    cpu->flush_clock++;
    write_cr3(cr3);
}

#endif
