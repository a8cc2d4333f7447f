/*
 * SPDX-License-Identifier: MIT
 *
 * pt_page.c - the life of a page-table page; the order and its reasons are in pt_page.h.
 *
 * Invariant: a PAGE_TABLE page is read-only in the direct map, and pinned, from pt_page_make until
 * pt_page_retire.  Called by pt_update.c (tables a mapping needs) and aspace.c (roots, teardown).
 */
#include "mm/pt_page.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/p2m.h"
#include "mm/page.h"
#include "mm/steps.h"

/* Gives the page's one mapping, in the direct map, new rights. */
static long direct_map_protect(pfn_t pfn, uint64_t flags)
{
    return hypercall_update_va_mapping((uint64_t)page_va(pfn), pte_make(p2m(pfn), flags | PTE_NX),
                                       UVMF_INVLPG);
}

static long pin(mfn_t mfn, unsigned int level)
{
    mmuext_op_t op = {
        .cmd = MMUEXT_PIN_L1_TABLE + level - 1,
        .arg1.mfn = mfn.n,
    };

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static long unpin(mfn_t mfn)
{
    mmuext_op_t op = { .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = mfn.n };

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

int pt_page_make(unsigned int level, void (*fill)(pte_t *table), pfn_t *out)
{
    pfn_t pfn = page_alloc_zero(PAGE_TABLE);
    long rc;

    if (page_none(pfn))
        return -XEN_ENOMEM;
    if (fill)
        fill(page_va(pfn));
    step_log(STEP_PT_PAGE, level, pfn.n, 0);

    mfn_t mfn = p2m(pfn);
    step_log(STEP_PT_MFN, level, pfn.n, mfn.n);

    rc = direct_map_protect(pfn, PTE_P);
    if (rc)
        goto out_free;
    step_log(STEP_READONLY, level, mfn.n, (uint64_t)page_va(pfn));

    rc = pin(mfn, level);
    if (rc)
        goto out_writable;
    step_log(STEP_PINNED, level, mfn.n, 0);
    *out = pfn;
    return 0;

out_writable:
    (void)direct_map_protect(pfn, PTE_P | PTE_RW);
out_free:
    page_put(pfn);
    return (int)rc;
}

void pt_page_retire(pfn_t pfn)
{
    mfn_t mfn = p2m(pfn);

    if (unpin(mfn))
        guest_panic("pt_page: MFN %lx cannot be unpinned", mfn.n);
    step_log(STEP_UNPINNED, 0, mfn.n, 0);
    if (direct_map_protect(pfn, PTE_P | PTE_RW))
        guest_panic("pt_page: MFN %lx is still a page table", mfn.n);
    step_log(STEP_WRITABLE, 0, mfn.n, 0);
}

void pt_page_free(pfn_t pfn)
{
    step_log(STEP_FREED, 0, pfn.n, 0);
    page_put(pfn);
}

void pt_page_release(pfn_t pfn)
{
    pt_page_retire(pfn);
    pt_page_free(pfn);
}

static int entry_set(struct aspace *as, const struct walk *w, unsigned int level, pte_t entry)
{
    mmu_update_t req[2];
    unsigned int n = 0;

    req[n++] = (mmu_update_t){ walk_slot_ma(w, level) | MMU_NORMAL_PT_UPDATE, entry };
    if (level == 4 && as->has_user && w->va < USER_VA_END) {
        uint64_t ma = mfn_to_ma(p2m(as->l4_user)) + l4_index(w->va) * sizeof(pte_t);

        req[n++] = (mmu_update_t){ ma | MMU_NORMAL_PT_UPDATE, entry };
    }
    return (int)hypercall_mmu_update(req, n, NULL, DOMID_SELF);
}

int pt_page_hook(struct aspace *as, const struct walk *w, unsigned int level, pfn_t pfn)
{
    pte_t entry = pte_make(p2m(pfn), PT_TABLE_FLAGS);
    int rc = entry_set(as, w, level, entry);

    if (!rc)
        step_log(STEP_HOOKED, level, walk_slot_ma(w, level), entry);
    return rc;
}

int pt_page_unhook(struct aspace *as, const struct walk *w, unsigned int level)
{
    int rc = entry_set(as, w, level, 0);

    if (!rc)
        step_log(STEP_UNHOOKED, level, walk_slot_ma(w, level), w->entry[level]);
    return rc;
}
