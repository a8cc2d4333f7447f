/* SPDX-License-Identifier: MIT */
/*
 * The whitelist of entry bits for each level, the ABI's adjustments, and the references of an entry.
 * Every route to a page table passes here (hazards P1, P2); what is not listed is refused.
 */
#include "pt/pte_check.h"

#include "lib/errno.h"
#include "mm/refusal.h"

int pte_flags_refused(uint64_t pte, unsigned level)
{
    const char *rule = "entry-flags-not-allowed";

    if (level > 1 && (pte & PTE_PS))
        rule = "superpage-refused";
    else if (level > 1 && (pte & PTE_G))
        rule = "global-above-L1";
    return refuse(-EINVAL, rule, pte_mfn(pte), pte);
}

int l1_frame_refused(uint64_t pte, uint16_t page_owner)
{
    mfn_t mfn = pte_mfn(pte);

    refusal_clear(); /* "not owned" is what frame_get() saw; here is the reason for it */
    if (mfn.n == MFN_INVALID_BITS)
        return refuse(-EINVAL, "frame-number-invalid", mfn, pte);
    if (!frame_valid(mfn) || frame_owner(mfn) == OWNER_IO)
        return refuse(-EPERM, "frame-not-memory", mfn, pte);
    (void)frame_get_refused(mfn, page_owner);
    return -EBUSY;
}

int pte_get_refs(uint64_t pte, unsigned level, uint16_t page_owner)
{
    if (!(pte & PTE_P))
        return 0;
    if (level == 1)
        return l1_entry_get_refs(pte, page_owner);
    return page_get_typed(pte_mfn(pte), page_owner, (enum page_type)(level - 1));
}

void pte_put_refs(uint64_t pte, unsigned level)
{
    if (!(pte & PTE_P))
        return;
    if (level > 1)
        page_put_typed(pte_mfn(pte));
    else
        l1_entry_put_refs(pte);
}
