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
#include "guest_words.h"
#include "mm/guest_copy.h"
#include "mm/m2p.h"
#include "mm/tlb.h"
#include "pt/l1_fast.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

#define CHUNK    64u /* requests copied from the guest at a time */
#define CMD_MASK 7u

struct batch {
    uint16_t table_owner; /* whose tables are changed */
    uint16_t page_owner;  /* whose frames the entries may name */
    mfn_t table;          /* locked table with a general reference, MFN_NONE when none */
    unsigned level;
    uint64_t l1_ma;    /* machine address of the locked table if that is an L1, */
    uint64_t l1_bytes; /* and its size; else 0: no request lies in it, whatever it says */
    bool flush;        /* an entry above L1 changed: stale walks may remain */
    uint32_t index;    /* requests done, of this call */
    unsigned ready;    /* requests in chunk that were not looked at yet */
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
    b->l1_bytes = 0;
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
        if (type == PT_L1 && hook_fast()) {
            b->l1_ma = mfn_to_ma(table);
            b->l1_bytes = PAGE_SIZE;
        }
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

/* The entry of a locked table, in the general way. */
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
    struct entry_change c = { .table = table,
                              .slot = (ptr & (PAGE_SIZE - 1)) / sizeof(uint64_t),
                              .new = value,
                              .mode = (ptr & CMD_MASK) == MMU_PT_UPDATE_PRESERVE_AD
                                          ? ENTRY_PRESERVE_AD
                                          : ENTRY_STORE,
                              .page_owner = b->page_owner };
    int rc;

    if (table.n != b->table.n) {
        rc = batch_lock(b, table);
        if (rc)
            return rc > 0 ? store_plain(table, ptr, value) : rc;
    }
    c.level = b->level;
    rc = update_checked(b, &c);
    if (rc)
        *e = (struct refused_entry){ b->index, c.level, c.slot, c.old, value };
    else
        trace("mmu_update L%u[%u] of mfn %lx: %016lx -> %016lx\n", c.level, c.slot, table.n, c.old,
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

    if (b->ready) {
        n = b->ready;
        b->ready = 0;
        return n;
    }
    if (!guest_read(b->chunk, va, n * sizeof(b->chunk[0])))
        return n;
    return guest_read(b->chunk, va, sizeof(b->chunk[0])) ? 0 : 1;
}

/*
 * The requests of a chunk that store to the L1 that is locked already, from `at` on: up to the first
 * that does not, or is not granted at once; its number. At most CHUNK entries between two checks for
 * preemption.
 */
static __attribute__((noinline)) unsigned batch_run_locked(const struct batch *b, unsigned at,
                                                           unsigned n)
{
    const struct mmu_update *req = &b->chunk[at], *end = &b->chunk[n];
    const uint64_t l1_ma = b->l1_ma, l1_bytes = b->l1_bytes;
    const uint16_t owner = b->page_owner;

    for (; req < end; req++) {
        uint64_t offset = req->ptr ^ l1_ma;
        l1_drop_t drop;
        bool done;

        if (__builtin_expect(offset >= l1_bytes || (offset & CMD_MASK), 0))
            break;
        done = l1_fast_change(ma_va(l1_ma + offset), req->val, owner, &drop);
        if (__builtin_expect(drop != 0, 0))
            l1_fast_drop(drop);
        if (__builtin_expect(!done, 0))
            break;
    }
    return (unsigned)(req - b->chunk);
}

/* Runs requests until done, refused or preempted; b->index counts what was done. */
static int batch_run(struct batch *b, uint64_t va, uint32_t count, struct refused_entry *e)
{
    while (b->index < count) {
        unsigned n = batch_fetch(b, va + b->index * sizeof(b->chunk[0]), count - b->index);

        if (!n)
            return refuse(-EFAULT, "request-unreadable", MFN_NONE, 0);
        for (unsigned i = 0; i < n;) {
            unsigned next = batch_run_locked(b, i, n);
            int rc;

            b->index += next - i;
            i = next;
            if (i == n)
                break;
            if (b->index && hook_preempt())
                return -ERESTART;
            e->index = b->index;
            refusal_clear();
            rc = batch_request(b, &b->chunk[i], e);
            if (rc)
                return rc;
            i++;
            b->index++;
        }
        if (b->index < count && hook_preempt())
            return -ERESTART;
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

/* All of the request, b->chunk holding the first b->ready of its entries already. */
static long mmu_update(struct batch *b, uint64_t reqs_va, uint64_t count_arg, uint64_t pdone_va,
                       uint64_t foreigndom)
{
    uint32_t count = (uint32_t)count_arg & ~MMU_UPDATE_PREEMPTED, base = 0, done;
    struct refused_entry e = { 0 };
    long rc;

    if (((uint32_t)count_arg & MMU_UPDATE_PREEMPTED) && pdone_va)
        (void)guest_read(&base, pdone_va, sizeof(base));
    if (!guest_va_ok(reqs_va))
        return refused("mmu_update", -EFAULT, "request-array-range");
    b->table_owner = domain_current()->id;
    rc = foreigndom & 0xffff0000u ? batch_table_owner(b, (uint16_t)((foreigndom >> 16) - 1)) : 0;
    if (rc == -ESRCH)
        return refuse_report("mmu_update", &e, rc);
    b->table = MFN_NONE;
    b->l1_ma = b->l1_bytes = 0;
    b->flush = false;
    b->index = 0;
    if (!rc)
        rc = foreign_owner((uint16_t)foreigndom, &b->page_owner);
    if (!rc) {
        rc = batch_run(b, reqs_va, count, &e);
        batch_finish(b);
    }
    done = base + b->index;
    if (pdone_va)
        (void)guest_write(pdone_va, &done, sizeof(done));
    if (rc == -ERESTART)
        return hypercall_restart(
            __HYPERVISOR_mmu_update, reqs_va + b->index * sizeof(struct mmu_update),
            (count - b->index) | MMU_UPDATE_PREEMPTED, pdone_va, foreigndom, 0);
    return rc ? refuse_report("mmu_update", &e, rc) : 0;
}

static __attribute__((noinline)) long batch_update(uint64_t reqs_va, uint64_t count,
                                                   uint64_t pdone_va, uint64_t foreigndom)
{
    struct batch b; /* not cleared as a whole: the chunk is large */

    b.ready = 0;
    return mmu_update(&b, reqs_va, count, pdone_va, foreigndom);
}

/* A single request that was read and not carried out: its words are not read again. */
static __attribute__((noinline)) long single_update(uint64_t reqs_va, uint64_t pdone_va,
                                                    uint64_t ptr, uint64_t value)
{
    struct batch b;

    b.chunk[0] = (struct mmu_update){ ptr, value };
    b.ready = 1;
    return mmu_update(&b, reqs_va, 1, pdone_va, DOMID_SELF);
}

static __attribute__((noinline)) long single_done(uint64_t pdone_va)
{
    uint32_t done = 1;

    (void)guest_write(pdone_va, &done, sizeof(done));
    return 0;
}

/* What the short way below leaves behind: references first, then the rest, or all, of the request. */
static __attribute__((noinline, cold)) long single_drop(uint64_t reqs_va, uint64_t pdone_va,
                                                        uint64_t ptr, uint64_t value,
                                                        l1_drop_t drop, bool done)
{
    l1_fast_drop(drop);
    if (!done)
        return single_update(reqs_va, pdone_va, ptr, value);
    return pdone_va ? single_done(pdone_va) : 0;
}

/* One store to an L1 of the caller's is the common case, a leaf: all else ends in a jump. */
long hc_mmu_update(uint64_t reqs_va, uint64_t count, uint64_t pdone_va, uint64_t foreigndom,
                   uint64_t unused)
{
    uint64_t ptr, value;
    uint16_t owner = domain_current()->id;
    struct frame *table;
    l1_drop_t drop;
    bool done;

    (void)unused;
    if (count != 1 || foreigndom != DOMID_SELF || !hook_fast() || !guest_va_ok(reqs_va) ||
        !guest_pair_get(reqs_va, &ptr, &value))
        return batch_update(reqs_va, count, pdone_va, foreigndom);
    table = frame_of_ma(ptr & PAGE_MASK);
    if (__builtin_expect((ptr & CMD_MASK) || !frame_valid((mfn_t){ ptr >> PAGE_SHIFT }), 0) ||
        __builtin_expect(!l1_fast_lock(table, owner), 0))
        return single_update(reqs_va, pdone_va, ptr, value);
    done = l1_fast_change(ma_va(ptr), value, owner, &drop);
    l1_fast_unlock(table);
    if (__builtin_expect(drop != 0, 0))
        return single_drop(reqs_va, pdone_va, ptr, value, drop, done);
    if (__builtin_expect(!done, 0))
        return single_update(reqs_va, pdone_va, ptr, value);
    return pdone_va ? single_done(pdone_va) : 0;
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
