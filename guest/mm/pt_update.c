/*
 * SPDX-License-Identifier: MIT
 *
 * pt_update.c - the only writer of L1 entries, and the only one who decides that a table is needed.
 *
 * An address of the running address space is written by update_va_mapping (one hypercall with its
 * flush); any other by mmu_update on the entry's machine address.  A stale translation of an address
 * space that does not run cannot be used: switching base pointers flushes.
 */
#include "mm/pt_update.h"

#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/layout.h"
#include "mm/p2m.h"
#include "mm/page.h"
#include "mm/pt_page.h"
#include "mm/steps.h"

int pt_tables_ensure(struct aspace *as, uint64_t va, unsigned int level, struct walk *out)
{
    struct walk w = pt_walk(aspace_root(as), va);

    while (w.level > level) {
        pfn_t pfn;
        int rc = pt_page_make(w.level - 1, NULL, &pfn);

        if (rc)
            return rc;
        rc = pt_page_hook(as, &w, w.level, pfn);
        if (rc) {
            pt_page_release(pfn);
            return rc;
        }
        w = pt_walk(aspace_root(as), va);
    }
    if (out)
        *out = w;
    return 0;
}

static int entry_write(struct aspace *as, const struct walk *w, pte_t entry)
{
    if (aspace_is_active(as, w->va))
        return (int)hypercall_update_va_mapping(w->va, entry,
                                                w->entry[1] & PTE_P ? UVMF_INVLPG : UVMF_NONE);

    mmu_update_t req = { walk_slot_ma(w, 1) | MMU_NORMAL_PT_UPDATE, entry };

    return (int)hypercall_mmu_update(&req, 1, NULL, DOMID_SELF);
}

int pt_map(struct aspace *as, uint64_t va, mfn_t mfn, uint64_t flags)
{
    struct walk w;
    pte_t entry = pte_make(mfn, flags);
    int rc = pt_tables_ensure(as, va, 1, &w);

    if (!rc)
        rc = entry_write(as, &w, entry);
    if (!rc)
        step_log(STEP_MAPPED, 1, va, entry);
    return rc;
}

int pt_write(struct aspace *as, uint64_t va, pte_t entry)
{
    struct walk w = pt_walk(aspace_root(as), va);

    return w.level == 1 ? entry_write(as, &w, entry) : -XEN_ENOENT;
}

int pt_unmap(struct aspace *as, uint64_t va, pte_t *old)
{
    struct walk w = pt_walk(aspace_root(as), va);
    int rc = w.level == 1 ? entry_write(as, &w, 0) : -XEN_ENOENT;

    if (!rc)
        step_log(STEP_UNMAPPED, 1, va, w.entry[1]);
    if (old)
        *old = w.entry[1];
    return rc;
}

static bool table_empty(pfn_t pfn)
{
    const pte_t *entry = page_va(pfn);

    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        if (entry[i])
            return false;
    return true;
}

void pt_trim(struct aspace *as, uint64_t start, uint64_t end)
{
    /* The kernel half's L3 tables are hooked in every L4 and stay. */
    unsigned int top = start >= KERNEL_VA ? 2 : 3;

    for (unsigned int level = 1; level <= top; level++) {
        uint64_t step = 1UL << level_shift(level + 1);

        for (uint64_t va = start & ~(step - 1); va < end && va + step > va; va += step) {
            struct walk w = pt_walk(aspace_root(as), va);

            if (w.level > level)
                continue;
            pfn_t pfn = m2p(w.table[level]);
            if (!table_empty(pfn) || page_kind(pfn) != PAGE_TABLE)
                continue;
            if (pt_page_unhook(as, &w, level + 1) == 0)
                pt_page_release(pfn);
        }
    }
}

void pt_batch_begin(struct pt_batch *batch)
{
    batch->count = 0;
    batch->error = 0;
}

static void batch_carry_out(struct pt_batch *batch)
{
    if (!batch->count)
        return;
    long rc = hypercall_mmu_update(batch->req, batch->count, NULL, DOMID_SELF);

    if (rc && !batch->error)
        batch->error = (int)rc;
    batch->count = 0;
}

void pt_batch_add(struct pt_batch *batch, uint64_t ma, pte_t value)
{
    if (batch->count == PT_BATCH)
        batch_carry_out(batch);
    batch->req[batch->count++] = (mmu_update_t){ ma | MMU_NORMAL_PT_UPDATE, value };
}

int pt_batch_end(struct pt_batch *batch)
{
    mmuext_op_t flush = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };

    batch_carry_out(batch);
    (void)hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF);
    return batch->error;
}
