/* SPDX-License-Identifier: MIT */
/*
 * Entry changes on behalf of the current domain: what mmu_update's batches, its single requests and
 * emulated writes share.
 */
#ifndef HV_PV_MMU_UPDATE_H
#define HV_PV_MMU_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/frame.h"

/* In the count of mmu_update and mmuext_op: a continuation, *pdone holds what was done before. */
#define MMU_UPDATE_PREEMPTED (1u << 31)

/* The command in the low bits of a request's address. */
#define MMU_CMD_MASK 7u

struct refused_entry;

/* What the requests of one mmu_update have in common. */
struct mmu_batch {
    uint16_t table_owner; /* whose tables are changed */
    uint16_t page_owner;  /* whose frames the entries may name */
    bool flush;           /* out: an entry above L1 changed, stale walks may remain */
    uint32_t index;       /* requests done, of this call */
};

/*
 * Carries out one request. 0; -ENOSYS, -EPERM, -ERESTART or the error of entry_change(), with the
 * reason recorded and, for an entry, *e filled in. Nothing is locked afterwards, pt_work is empty but
 * after an error.
 */
int mmu_request(struct mmu_batch *b, const struct mmu_update *req, struct refused_entry *e);

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
