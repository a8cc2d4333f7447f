/* SPDX-License-Identifier: MIT */
/* Stands in for hv/config/frame_va.h: machine memory is an array; beyond it is the sanitizer's. */
#ifndef HV_CONFIG_FRAME_VA_H
#define HV_CONFIG_FRAME_VA_H

#include "mm/layout.h"

extern struct frame *frame_table;
extern uint64_t *m2p_table;
extern uint8_t *machine_memory;

static inline void *frame_va(mfn_t mfn)
{
    return machine_memory + (mfn.n << 12);
}

static inline void *ma_va(uint64_t ma)
{
    return machine_memory + ma;
}

static inline mfn_t frame_of_va(const void *va)
{
    return (mfn_t){ (uint64_t)((const uint8_t *)va - machine_memory) >> 12 };
}

#endif
