/* SPDX-License-Identifier: MIT */
/* Stands in for hv/config/tlb_arch.h: the TLB is a model, linked with the program. */
#ifndef HV_CONFIG_TLB_ARCH_H
#define HV_CONFIG_TLB_ARCH_H

#include <stdint.h>

void tlb_load_root(uint64_t cr3);

#endif
