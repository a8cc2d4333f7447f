/* SPDX-License-Identifier: MIT */
/*
 * The frame table, the machine-to-physical table and the direct map of the machine: all RAM from
 * DIRECTMAP_VA on (hv/mm/layout.h draws the ranges).
 */
#ifndef HV_CONFIG_FRAME_VA_H
#define HV_CONFIG_FRAME_VA_H

#include "mm/layout.h"

#define frame_table ((struct frame *)FRAME_TABLE_VA)
#define m2p_table   ((uint64_t *)M2P_RW_VA)

static inline void *frame_va(mfn_t mfn)
{
    return (void *)(DIRECTMAP_VA + (mfn.n << 12));
}

/* The byte at a machine address. */
static inline void *ma_va(uint64_t ma)
{
    return (void *)(DIRECTMAP_VA + ma);
}

static inline mfn_t frame_of_va(const void *va)
{
    return (mfn_t){ ((uint64_t)va - DIRECTMAP_VA) >> 12 };
}

#endif
