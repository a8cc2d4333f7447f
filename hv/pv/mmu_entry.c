/* SPDX-License-Identifier: MIT */
/*
 * One request of mmu_update in the general way, and the entry changes of emulated writes. Explains what
 * it refuses; the short ways of pv/mmu_update.c decline into it.
 */
#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/m2p.h"
#include "mm/tlb.h"
#include "pt/entry.h"
#include "pv/mmu_update.h"
#include "pv/refuse.h"

int foreign_owner(uint16_t domid, uint16_t *owner)
{
    const struct domain *d = domain_current();

    *owner = d->id;
    if (domid == DOMID_SELF)
        return 0;
    if (domid == d->id)
        return refuse(-ESRCH, "own-id-as-foreign-domain", MFN_NONE, domid);
    if (domid == DOMID_IO || domid == DOMID_XEN) {
        *owner = domid == DOMID_IO ? OWNER_IO : OWNER_HV;
        return d->initial ? 0 : refuse(-EPERM, "foreign-domain-privilege", MFN_NONE, domid);
    }
    if (!domain_find(domid))
        return refuse(-ESRCH, "no-such-domain", MFN_NONE, domid);
    *owner = domid;
    return d->initial ? 0 : refuse(-EPERM, "foreign-domain-privilege", MFN_NONE, domid);
}

/* The frame is no table: a plain store, under a writable reference. */
static int store_plain(mfn_t frame, uint64_t ma, uint64_t value)
{
    int rc = page_type_get(frame, PT_WRITABLE);

    if (!rc) {
        *(volatile uint64_t *)((char *)frame_va(frame) + (ma & (PAGE_SIZE - 1) & ~7ul)) = value;
        page_writable_put(frame);
    }
    frame_put(frame);
    return rc;
}

/* Locks the table, of which the caller has a reference. Its level, or 0: the frame is no table now. */
static unsigned table_lock(mfn_t table)
{
    enum page_type type = frame_type(table);

    return type >= PT_L1 && type <= PT_L4 && page_type_lock(table, type) ? type : 0;
}

/* What one domain's table may not name of another's. */
static int foreign_refused(const struct mmu_batch *b, const struct entry_change *c)
{
    mfn_t mfn = pte_mfn(c->new);

    if (c->level > 1)
        return refuse(-EINVAL, "foreign-frame-above-L1", c->table, c->new);
    if (b->table_owner != domain_current()->id && (c->new &PTE_P) && frame_valid(mfn) &&
        frame_is_io(mfn))
        return refuse(-EPERM, "frame-not-memory", mfn, c->new);
    return 0;
}

/* An entry of the locked table; unlocks it, before anything that may wait. */
static int update_locked(struct mmu_batch *b, struct entry_change *c)
{
    int rc = b->page_owner != b->table_owner ? foreign_refused(b, c) : 0;

    if (!rc)
        rc = entry_change(c);
    page_type_unlock(c->table);
    frame_put(c->table);
    if (rc)
        return rc;
    if (c->level > 1)
        b->flush = true;
    if (__builtin_expect(this_cpu()->pt_work->used, 0))
        pt_work_drain();
    return 0;
}

static int update_entry(struct mmu_batch *b, uint64_t ptr, uint64_t value, struct refused_entry *e)
{
    struct entry_change c = { .table = { ptr >> PAGE_SHIFT },
                              .slot = (ptr & (PAGE_SIZE - 1)) / sizeof(uint64_t),
                              .new = value,
                              .mode = (ptr & MMU_CMD_MASK) == MMU_PT_UPDATE_PRESERVE_AD
                                          ? ENTRY_PRESERVE_AD
                                          : ENTRY_STORE,
                              .page_owner = b->page_owner };
    int rc;

    if (!frame_get(c.table, b->table_owner))
        return -EINVAL;
    c.level = table_lock(c.table);
    if (!c.level) {
        if (!frame_type_refs(c.table) || frame_type(c.table) == PT_WRITABLE)
            return store_plain(c.table, ptr, value);
        frame_put(c.table);
        return refuse(-EINVAL, "frame-is-no-table", c.table, 0);
    }
    rc = update_locked(b, &c);
    if (rc)
        *e = (struct refused_entry){ b->index, c.level, c.slot, c.old, value };
    else
        trace("mmu_update L%u[%u] of mfn %lx: %016lx -> %016lx\n", c.level, c.slot, c.table.n,
              c.old, value);
    return rc;
}

static int update_m2p(const struct mmu_batch *b, uint64_t ptr, uint64_t value)
{
    mfn_t mfn = { ptr >> PAGE_SHIFT };

    if (b->table_owner != domain_current()->id)
        return refuse(-EPERM, "m2p-of-foreign-table-owner", mfn, value);
    if (!frame_get(mfn, b->page_owner))
        return -EINVAL;
    m2p_set(mfn, value);
    frame_put(mfn);
    trace("mmu_update M2P[%lx] = %lx\n", mfn.n, value);
    return 0;
}

int mmu_request(struct mmu_batch *b, const struct mmu_update *req, struct refused_entry *e)
{
    switch (req->ptr & MMU_CMD_MASK) {
    case MMU_NORMAL_PT_UPDATE:
    case MMU_PT_UPDATE_PRESERVE_AD:
    case MMU_PT_UPDATE_NO_TRANSLATE:
        return update_entry(b, req->ptr, req->val, e);
    case MMU_MACHPHYS_UPDATE:
        return update_m2p(b, req->ptr, req->val);
    default:
        return refuse(-ENOSYS, "unknown-command", MFN_NONE, req->ptr);
    }
}

long l1_entry_update(mfn_t table, unsigned slot, uint64_t old, uint64_t new, bool compare)
{
    uint16_t owner = domain_current()->id;
    struct entry_change c = { .table = table,
                              .level = 1,
                              .slot = slot,
                              .expected = old,
                              .new = new,
                              .mode = compare ? ENTRY_COMPARE : ENTRY_STORE,
                              .page_owner = owner };
    int rc;

    if (!frame_get(table, owner))
        return -EINVAL;
    if (!page_type_lock(table, PT_L1)) {
        frame_put(table);
        return refuse(-EINVAL, "frame-is-no-L1", table, new);
    }
    rc = entry_change(&c);
    page_type_unlock(table);
    frame_put(table);
    pt_work_drain();
    return rc;
}
