/* SPDX-License-Identifier: MIT */
/*
 * The machine-to-physical table: one 64-bit word for each MFN, at the ABI's address, readable by
 * every guest. Only a hint: guests write what they like into the words of their own frames
 * (MMU_MACHPHYS_UPDATE), so nothing in the hypervisor uses a value as an index unchecked.
 * mm/boot_map.c maps it and fills it with M2P_INVALID; words change by m2p_set() only, which frame.c,
 * dom/build.c and the requests of the ABI call. m2p_table (frame_va.h) is the writable view, of
 * frame_limit words.
 */
#ifndef HV_MM_M2P_H
#define HV_MM_M2P_H

#include <stdint.h>

#include "mm/frame.h"

#define M2P_INVALID (~0ull)

static inline void m2p_set(mfn_t mfn, uint64_t pfn)
{
    m2p_table[mfn.n] = pfn;
}

static inline uint64_t m2p_get(mfn_t mfn)
{
    return frame_valid(mfn) ? m2p_table[mfn.n] : M2P_INVALID;
}

#endif
