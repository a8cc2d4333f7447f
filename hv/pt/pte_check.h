/* SPDX-License-Identifier: MIT */
/*
 * Which entry a guest may install at which level, what the hypervisor makes of it, and the
 * references that it stands for. One whitelist for every route: mmu_update, update_va_mapping,
 * emulated writes, promotion.
 */
#ifndef HV_PT_PTE_CHECK_H
#define HV_PT_PTE_CHECK_H

#include "pt/page_type.h"

/* Bits a present entry may have besides its address. No caching attributes: RAM is write-back. */
#define PTE_LN_ALLOWED \
    (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D | PTE_AVAIL | PTE_AVAIL_HIGH | PTE_NX)
#define PTE_L1_ALLOWED (PTE_LN_ALLOWED | PTE_G)
#define PTE_CACHING    (PTE_PWT | PTE_PCD | PTE_PAT) /* of an L1 entry */

/* pte_check.c: names the rule of a refused bit, and returns -EINVAL. */
int pte_flags_refused(uint64_t pte, unsigned level);

/* The bits of a present entry that are not allowed at this level (1..4): 0 for none. */
static inline uint64_t pte_flags_bad(uint64_t pte, unsigned level)
{
    return pte & ~PTE_ADDR_MASK & ~(level == 1 ? PTE_L1_ALLOWED : PTE_LN_ALLOWED);
}

/* -EINVAL if a present entry of a table of this level (1..4) has a bit that is not allowed there. */
static inline int pte_flags_check(uint64_t pte, unsigned level)
{
    return __builtin_expect(pte_flags_bad(pte, level) != 0, 0) ? pte_flags_refused(pte, level) : 0;
}

/* The entry as it is stored: user and marker bits as the ABI adjusts them (docs/abi.md). */
static inline uint64_t pte_adjust(uint64_t pte, unsigned level)
{
    if (level > 1)
        return pte | PTE_U | (level == 4 ? PTE_A : 0);
    if (!(pte & PTE_U))
        return pte | PTE_GUEST_KERNEL | PTE_U;
    return pte & PTE_GUEST_KERNEL ? pte : pte | PTE_G;
}

/*
 * Takes the references that a present entry stands for, in a table of this level, naming frames of
 * page_owner; its flags were checked (pte_flags_check()). 0, or
 *   -EINVAL  MFN that cannot be, child of another type or invalid
 *   -EPERM   L1: not RAM
 *   -EBUSY   L1: not page_owner's, or writable wanted but the frame is a table or descriptor page
 *   -ERESTART  a child's promotion was preempted: nothing taken
 * Non-present entries: 0, nothing taken.
 */
int pte_get_refs(uint64_t pte, unsigned level, uint16_t page_owner);

/* Drops what pte_get_refs() took for this entry. */
void pte_put_refs(uint64_t pte, unsigned level);

/* pte_check.c: why the frame of an L1 entry could not be had: names the rule, returns the errno. */
int l1_frame_refused(uint64_t pte, uint16_t page_owner);

/*
 * pte_check.c: a present L1 entry was refused. If it names a frame of the firmware's, which
 * page_owner's tables may map, makes it harmless in place (no caching attributes; nothing but the
 * display is writable; firmware_blank for OWNER_BIOS) and takes its references: 0. Otherwise
 * `refused`, or the error of those steps.
 */
int l1_firmware_get_refs(uint64_t *pte, uint16_t page_owner, int refused);

/* The L1 cases of the two, for a present entry whose flags were checked. */
static inline int l1_entry_get_refs(uint64_t pte, uint16_t page_owner)
{
    mfn_t mfn = pte_mfn(pte);

    if (__builtin_expect(!frame_get(mfn, page_owner), 0))
        return l1_frame_refused(pte, page_owner);
    if (!(pte & PTE_RW) || __builtin_expect(!page_type_get(mfn, PT_WRITABLE), 1))
        return 0;
    frame_put(mfn);
    return -EBUSY;
}

static inline void l1_entry_put_refs(uint64_t pte)
{
    if (pte & PTE_RW)
        page_writable_put(pte_mfn(pte));
    frame_put(pte_mfn(pte));
}

#endif
