/* SPDX-License-Identifier: MIT */
/* Entry changes on behalf of the current domain, shared by the hypercalls and emulated writes. */
#ifndef HV_PV_MMU_UPDATE_H
#define HV_PV_MMU_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/frame.h"

/* In the count of mmu_update and mmuext_op: a continuation, *pdone holds what was done before. */
#define MMU_UPDATE_PREEMPTED (1u << 31)

/*
 * The owner that a foreigndom argument names (abi: DOMID_SELF, DOMID_IO, DOMID_XEN, or another
 * domain for a privileged caller). *owner is set on 0; -ESRCH (also for the caller's own number),
 * -EPERM.
 */
int foreign_owner(uint16_t domid, uint16_t *owner);

/*
 * Changes one entry of an L1 that the current domain owns, for emulated writes. compare: only if
 * the entry is still old. 0, -EINVAL when table is no validated L1 of the domain, -EBUSY when
 * compared in vain, or the refusal of the new entry. Drains pt_work.
 */
long l1_entry_update(mfn_t table, unsigned slot, uint64_t old, uint64_t new, bool compare);

#endif
