/*
 * SPDX-License-Identifier: MIT
 *
 * pt_update.h - changing what an address maps to; nobody else writes L1 entries.
 */
#ifndef GUEST_MM_PT_UPDATE_H
#define GUEST_MM_PT_UPDATE_H

#include <abi/abi.h>

#include "mm/walk.h"

struct aspace;

/*
 * Makes the tables that lead to `va` exist, down to `level`'s (1: up to its L1).
 * Result: 0, `w` (may be NULL) walked again; -XEN_ENOMEM; or the hypervisor's error.
 */
int pt_tables_ensure(struct aspace *as, uint64_t va, unsigned int level, struct walk *w);

/*
 * Makes the L1 entry of `va` name `mfn` with `flags`, whatever it was; makes missing tables.
 * Result: 0, or an error of pt_tables_ensure, or the hypervisor's: nothing changed for `va`.
 */
int pt_map(struct aspace *as, uint64_t va, mfn_t mfn, uint64_t flags);

/*
 * Writes an L1 entry whose table exists, and flushes the address if it was present.
 * Result: 0; -XEN_ENOENT without an L1; or the hypervisor's error.
 */
int pt_write(struct aspace *as, uint64_t va, pte_t entry);

/* Clears the L1 entry; `old` (may be NULL) gets what it was.  Result: as pt_write. */
int pt_unmap(struct aspace *as, uint64_t va, pte_t *old);

/* Unhooks and releases the tables of [start, end) that have become empty, L1 up to L3. */
void pt_trim(struct aspace *as, uint64_t start, uint64_t end);

/* ---- many entries, few hypercalls; no flush of the TLB until pt_batch_end ---- */

#define PT_BATCH 128

struct pt_batch {
    unsigned int count;
    int error; /* of the first request that failed */
    mmu_update_t req[PT_BATCH];
};

void pt_batch_begin(struct pt_batch *batch);

/* Queues entry := value at machine address `ma`; carries a full batch out. */
void pt_batch_add(struct pt_batch *batch, uint64_t ma, pte_t value);

/* Carries the rest out and flushes the TLB.  Result: 0 or the first error. */
int pt_batch_end(struct pt_batch *batch);

#endif
