/* SPDX-License-Identifier: MIT */
/* The direct map of the machine: all RAM from DIRECTMAP_VA on (hv/mm/layout.h draws the range). */
#ifndef HV_CONFIG_FRAME_VA_H
#define HV_CONFIG_FRAME_VA_H

#include "mm/layout.h"

static inline void *frame_va(mfn_t mfn)
{
    return (void *)(DIRECTMAP_VA + (mfn.n << 12));
}

static inline mfn_t frame_of_va(const void *va)
{
    return (mfn_t){ ((uint64_t)va - DIRECTMAP_VA) >> 12 };
}

#endif
