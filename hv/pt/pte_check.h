/* SPDX-License-Identifier: MIT */
/*
 * Which entry a guest may install at which level, what the hypervisor makes of it, and the
 * references that it stands for. One whitelist for every route: mmu_update, update_va_mapping,
 * emulated writes, promotion.
 */
#ifndef HV_PT_PTE_CHECK_H
#define HV_PT_PTE_CHECK_H

#include "pt/page_type.h"

/* -EINVAL if a present entry of a table of this level (1..4) has a bit that is not allowed there. */
int pte_flags_check(uint64_t pte, unsigned level);

/* The entry as it is stored: user and marker bits as the ABI adjusts them (docs/abi.md). */
uint64_t pte_adjust(uint64_t pte, unsigned level);

/*
 * Takes the references that a present entry stands for, in a table of this level that belongs to
 * table_owner, naming frames of page_owner. Checks flags first. 0, or
 *   -EINVAL  flags, MFN that cannot be, child of another type or invalid
 *   -EPERM   L1: not RAM
 *   -EBUSY   L1: not page_owner's, or writable wanted but the frame is a table or descriptor page
 *   -ERESTART  a child's promotion was preempted: nothing taken
 * Non-present entries: 0, nothing taken.
 */
int pte_get_refs(uint64_t pte, unsigned level, uint16_t page_owner);

/* Drops what pte_get_refs() took for this entry. */
void pte_put_refs(uint64_t pte, unsigned level);

#endif
