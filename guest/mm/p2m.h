/*
 * SPDX-License-Identifier: MIT
 *
 * p2m.h - the only two places where a PFN becomes an MFN, and back.
 *
 * p2m is the domain's own list (start_info.mfn_list); m2p is the hypervisor's read-only table.
 * Page-table entries hold MFNs.
 */
#ifndef GUEST_MM_P2M_H
#define GUEST_MM_P2M_H

#include <abi/abi.h>

#include "mm/layout.h"

extern uint64_t *p2m_list;
extern uint64_t p2m_count; /* PFNs 0..p2m_count-1 */

/* Result: MFN_NONE for a PFN beyond the list. */
static inline mfn_t p2m(pfn_t pfn)
{
    return pfn.n < p2m_count ? mfn_of(p2m_list[pfn.n]) : MFN_NONE;
}

/*
 * Any MFN below the table's end; the table has holes, where reading it faults.  For a frame of the
 * domain's own the result is its PFN; for others it is whatever the hypervisor keeps there.
 */
static inline pfn_t m2p(mfn_t mfn)
{
    return pfn_of(((const volatile uint64_t *)M2P_VA_START)[mfn.n]);
}

/* True when the MFN is a frame of this domain: m2p and p2m agree. */
static inline bool mfn_is_own(mfn_t mfn)
{
    return mfn.n < MFN_INVALID_BITS && mfn_eq(p2m(m2p(mfn)), mfn);
}

/* Points p2m at start_info's list. */
void p2m_init(const start_info_t *si);

#endif
