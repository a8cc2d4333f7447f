/* SPDX-License-Identifier: MIT */
/*
 * The whitelist of entry bits for each level, the ABI's adjustments, and the references of an entry.
 * Every route to a page table passes here (hazards P1, P2); what is not listed is refused.
 */
#include "pt/pte_check.h"

#include "lib/errno.h"
#include "mm/owner.h"
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

/* DOMID_IO as page_owner is the initial domain's word: nobody else may say it. */
static bool maps_firmware(uint16_t page_owner)
{
    const struct owner *o = owner_find(page_owner);

    return page_owner == OWNER_IO || (o && o->maps_firmware);
}

_Static_assert((PTE_L1_ALLOWED | PTE_CACHING | PTE_ADDR_MASK) == ~0ul,
               "without caching attributes any entry's flags may stand");

int l1_firmware_get_refs(uint64_t *pte, uint16_t page_owner, int refused)
{
    mfn_t mfn = pte_mfn(*pte);
    uint16_t owner = frame_valid(mfn) ? frame_owner(mfn) : OWNER_NONE;

    if ((!owner_is_firmware(owner) && owner != OWNER_BIOS) || !maps_firmware(page_owner))
        return refused;
    refusal_clear();
    if (owner == OWNER_BIOS) {
        *pte = (*pte & ~PTE_ADDR_MASK) | mfn_to_ma(firmware_blank);
        owner = OWNER_ROM;
    }
    *pte &= owner == OWNER_ROM ? ~(PTE_CACHING | PTE_RW) : ~PTE_CACHING;
    *pte = pte_adjust(*pte, 1);
    return l1_entry_get_refs(*pte, owner);
}

int l1_frame_refused(uint64_t pte, uint16_t page_owner)
{
    mfn_t mfn = pte_mfn(pte);

    refusal_clear(); /* "not owned" is what frame_get() saw; here is the reason for it */
    if (mfn.n == MFN_INVALID_BITS)
        return refuse(-EINVAL, "frame-number-invalid", mfn, pte);
    if (!frame_valid(mfn) || frame_is_io(mfn))
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
