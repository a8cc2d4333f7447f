/* SPDX-License-Identifier: MIT */
/*
 * mmu_update: a batch of (machine address of an entry | command, new value). Each request is decoded,
 * checked and committed by itself; *pdone says how many were, also when one is refused.
 *
 * The table of the last request stays locked while the next ones change the same table; it is
 * unlocked before anything that may wait: cleanup, preemption, the end.
 */
#include "pv/mmu_update.h"

#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/guest_copy.h"
#include "mm/m2p.h"
#include "mm/tlb.h"
#include "pt/entry.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

#define CHUNK       32u /* requests copied from the guest at a time */
#define CMD_MASK    7u
#define BATCH_NO_L1 (~0ul)

struct batch {
    uint16_t table_owner; /* whose tables are changed */
    uint16_t page_owner;  /* whose frames the entries may name */
    mfn_t table;          /* locked table with a general reference, MFN_NONE when none */
    unsigned level;
    uint64_t l1_ma; /* machine address of the locked table if it is an L1, else BATCH_NO_L1 */
    bool flush;     /* an entry above L1 changed: stale walks may remain */
    uint32_t index; /* requests done, of this call */
    struct mmu_update chunk[CHUNK];
};

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

static void batch_unlock(struct batch *b)
{
    if (!frame_valid(b->table))
        return;
    page_type_unlock(b->table);
    frame_put(b->table);
    b->table = MFN_NONE;
    b->l1_ma = BATCH_NO_L1;
}

/* Locks the table that holds the entry. 0 with b->level set; 1: the frame is not a table now. */
static int batch_lock(struct batch *b, mfn_t table)
{
    enum page_type type;

    batch_unlock(b);
    if (!frame_get(table, b->table_owner))
        return -EINVAL;
    type = frame_type(table);
    if (type >= PT_L1 && type <= PT_L4 && page_type_lock(table, type)) {
        b->table = table;
        b->level = type;
        if (type == PT_L1 && !trace_on)
            b->l1_ma = mfn_to_ma(table);
        return 0;
    }
    if (!frame_type_refs(table) || type == PT_WRITABLE)
        return 1; /* with the general reference */
    frame_put(table);
    return refuse(-EINVAL, "frame-is-no-table", table, 0);
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

/* The entry of a locked table above L1, or with its A and D bits to be kept. */
static int update_checked(struct batch *b, struct entry_change *c)
{
    int rc;

    if (c->level > 1 && b->page_owner != b->table_owner)
        return refuse(-EINVAL, "foreign-frame-above-L1", c->table, c->new);
    rc = entry_change(c);
    if (rc)
        return rc;
    if (c->level > 1)
        b->flush = true;
    if (__builtin_expect(this_cpu()->pt_work->used, 0)) {
        batch_unlock(b);
        pt_work_drain();
    }
    return 0;
}

static int update_entry(struct batch *b, uint64_t ptr, uint64_t value, struct refused_entry *e)
{
    mfn_t table = { ptr >> PAGE_SHIFT };
    unsigned slot = (ptr & (PAGE_SIZE - 1)) / sizeof(uint64_t), level;
    uint64_t old;
    int rc;

    if (table.n != b->table.n) {
        rc = batch_lock(b, table);
        if (rc)
            return rc > 0 ? store_plain(table, ptr, value) : rc;
    }
    level = b->level;
    old = ((const uint64_t *)frame_va(table))[slot];
    if (level == 1 && (ptr & CMD_MASK) != MMU_PT_UPDATE_PRESERVE_AD)
        rc = l1_entry_write(table, slot, value, b->page_owner);
    else
        rc = update_checked(
            b, &(struct entry_change){ .table = table,
                                       .level = level,
                                       .slot = slot,
                                       .new = value,
                                       .mode = (ptr & CMD_MASK) == MMU_PT_UPDATE_PRESERVE_AD
                                                   ? ENTRY_PRESERVE_AD
                                                   : ENTRY_STORE,
                                       .page_owner = b->page_owner });
    if (__builtin_expect(rc != 0, 0))
        *e = (struct refused_entry){ b->index, level, slot, old, value };
    else
        trace("mmu_update L%u[%u] of mfn %lx: %016lx -> %016lx\n", level, slot, table.n, old,
              value);
    return rc;
}

static int update_m2p(const struct batch *b, uint64_t ptr, uint64_t value)
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

static int batch_request(struct batch *b, const struct mmu_update *req, struct refused_entry *e)
{
    switch (req->ptr & CMD_MASK) {
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

/* Copies the next chunk; one request alone when the chunk runs into an unreadable page. */
static unsigned batch_fetch(struct batch *b, uint64_t va, uint32_t left)
{
    unsigned n = left < CHUNK ? left : CHUNK;

    if (!guest_read(b->chunk, va, n * sizeof(b->chunk[0])))
        return n;
    return guest_read(b->chunk, va, sizeof(b->chunk[0])) ? 0 : 1;
}

/* Runs requests until done, refused or preempted; b->index counts what was done. */
static int batch_run(struct batch *b, uint64_t va, uint32_t count, struct refused_entry *e)
{
    while (b->index < count) {
        unsigned n = batch_fetch(b, va + b->index * sizeof(b->chunk[0]), count - b->index);

        if (!n)
            return refuse(-EFAULT, "request-unreadable", MFN_NONE, 0);
        for (unsigned i = 0; i < n; i++, b->index++) {
            const struct mmu_update *req = &b->chunk[i];
            uint64_t offset = req->ptr ^ b->l1_ma;
            int rc;

            if (b->index && hook_preempt())
                return -ERESTART;
            e->index = b->index;
            /* A plain store to the L1 that is locked already; a refusal is asked for again to explain. */
            if (offset < PAGE_SIZE && !(offset & CMD_MASK) &&
                !l1_entry_write(b->table, offset / sizeof(uint64_t), req->val, b->page_owner))
                continue;
            refusal_clear();
            rc = batch_request(b, req, e);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static void batch_finish(struct batch *b)
{
    batch_unlock(b);
    if (__builtin_expect(this_cpu()->pt_work->used, 0))
        pt_work_drain();
    if (b->flush)
        tlb_flush_all();
}

/*
 * The high half of foreigndom: whose tables, as domid + 1. Only numbers of domains: no DOMID_SELF, and
 * the caller's own is the caller.
 */
static __attribute__((noinline, cold)) int batch_table_owner(struct batch *b, uint16_t id)
{
    int rc = id < DOMID_FIRST_RESERVED ? foreign_owner(id, &b->table_owner) : -ESRCH;

    return id == domain_current()->id ? 0 : rc;
}

long hc_mmu_update(uint64_t reqs_va, uint64_t count_arg, uint64_t pdone_va, uint64_t foreigndom,
                   uint64_t unused)
{
    uint32_t count = (uint32_t)count_arg & ~MMU_UPDATE_PREEMPTED, base = 0, done;
    struct batch b; /* not cleared as a whole: the chunk is large */
    struct refused_entry e = { 0 };
    long rc;

    (void)unused;
    if (((uint32_t)count_arg & MMU_UPDATE_PREEMPTED) && pdone_va)
        (void)guest_read(&base, pdone_va, sizeof(base));
    if (!guest_va_ok(reqs_va))
        return refused("mmu_update", -EFAULT, "request-array-range");
    b.table_owner = domain_current()->id;
    rc = foreigndom & 0xffff0000u ? batch_table_owner(&b, (uint16_t)((foreigndom >> 16) - 1)) : 0;
    if (rc == -ESRCH)
        return refuse_report("mmu_update", &e, rc);
    b.table = MFN_NONE;
    b.l1_ma = BATCH_NO_L1;
    b.flush = false;
    b.index = 0;
    if (!rc)
        rc = foreign_owner((uint16_t)foreigndom, &b.page_owner);
    if (!rc) {
        rc = batch_run(&b, reqs_va, count, &e);
        batch_finish(&b);
    }
    done = base + b.index;
    if (pdone_va)
        (void)guest_write(pdone_va, &done, sizeof(done));
    if (rc == -ERESTART)
        return hypercall_restart(__HYPERVISOR_mmu_update,
                                 reqs_va + b.index * sizeof(struct mmu_update),
                                 (count - b.index) | MMU_UPDATE_PREEMPTED, pdone_va, foreigndom, 0);
    return rc ? refuse_report("mmu_update", &e, rc) : 0;
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
