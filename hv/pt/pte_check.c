/* SPDX-License-Identifier: MIT */
/*
 * The whitelist of entry bits for each level, the ABI's adjustments, and the references of an entry.
 * Every route to a page table passes here (hazards P1, P2); what is not listed is refused.
 */
#include "pt/pte_check.h"

#include "lib/errno.h"
#include "mm/refusal.h"

/* Bits a present entry may have besides its address. No caching attributes: RAM is write-back. */
#define L1_ALLOWED (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D | PTE_G | PTE_AVAIL | PTE_AVAIL_HIGH | PTE_NX)
#define LN_ALLOWED (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D | PTE_AVAIL | PTE_AVAIL_HIGH | PTE_NX)

int pte_flags_check(uint64_t pte, unsigned level)
{
    uint64_t bad = pte & ~PTE_ADDR_MASK & ~(level == 1 ? L1_ALLOWED : LN_ALLOWED);

    if (!bad)
        return 0;
    if (level > 1 && (bad & PTE_PS))
        return refuse(-EINVAL, "superpage-refused", pte_mfn(pte), pte);
    if (level > 1 && (bad & PTE_G))
        return refuse(-EINVAL, "global-above-L1", pte_mfn(pte), pte);
    return refuse(-EINVAL, "entry-flags-not-allowed", pte_mfn(pte), pte);
}

uint64_t pte_adjust(uint64_t pte, unsigned level)
{
    if (level == 1) {
        if (!(pte & PTE_U))
            pte |= PTE_GUEST_KERNEL | PTE_U;
        if (!(pte & PTE_GUEST_KERNEL))
            pte |= PTE_G;
        return pte;
    }
    return pte | PTE_U | (level == 4 ? PTE_A : 0);
}

static int l1_entry_get_refs(uint64_t pte, uint16_t page_owner)
{
    mfn_t mfn = pte_mfn(pte);

    if (mfn.n == MFN_INVALID_BITS)
        return refuse(-EINVAL, "frame-number-invalid", mfn, pte);
    if (!frame_valid(mfn) || frame_owner(mfn) == OWNER_IO)
        return refuse(-EPERM, "frame-not-memory", mfn, pte);
    if (!frame_get(mfn, page_owner))
        return -EBUSY;
    if (!(pte & PTE_RW))
        return 0;
    if (page_type_get(mfn, PT_WRITABLE)) {
        frame_put(mfn);
        return -EBUSY;
    }
    return 0;
}

int pte_get_refs(uint64_t pte, unsigned level, uint16_t page_owner)
{
    int rc;

    if (!(pte & PTE_P))
        return 0;
    rc = pte_flags_check(pte, level);
    if (rc)
        return rc;
    if (level == 1)
        return l1_entry_get_refs(pte, page_owner);
    return page_get_typed(pte_mfn(pte), page_owner, (enum page_type)(level - 1));
}

void pte_put_refs(uint64_t pte, unsigned level)
{
    mfn_t mfn = pte_mfn(pte);

    if (!(pte & PTE_P))
        return;
    if (level > 1) {
        page_put_typed(mfn);
        return;
    }
    if (pte & PTE_RW)
        page_type_put(mfn);
    frame_put(mfn);
}
