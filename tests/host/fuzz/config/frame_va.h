/* SPDX-License-Identifier: MIT */
/*
 * Stands in for hv/config/frame_va.h in the fuzzers: machine memory is an array, and each frame that
 * anybody gets the address of is noted, as it may be about to change. With FRAME_VA_QUIET it is not:
 * for who only looks.
 */
#ifndef HV_CONFIG_FRAME_VA_H
#define HV_CONFIG_FRAME_VA_H

#include "mm/layout.h"

extern struct frame *frame_table;
extern uint64_t *m2p_table;
extern uint8_t *machine_memory;
extern uint64_t machine_touched; /* bit n: frame n, of the first 64 */

static inline void *ma_va(uint64_t ma)
{
#ifndef FRAME_VA_QUIET
    machine_touched |= ma >> 18 ? 0 : 1ull << (ma >> 12);
#endif
    return machine_memory + ma;
}

static inline void *frame_va(mfn_t mfn)
{
    return ma_va(mfn.n << 12);
}

static inline mfn_t frame_of_va(const void *va)
{
    return (mfn_t){ (uint64_t)((const uint8_t *)va - machine_memory) >> 12 };
}

#endif
