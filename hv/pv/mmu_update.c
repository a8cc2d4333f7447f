/* SPDX-License-Identifier: MIT */
/*
 * mmu_update: a batch of (machine address of an entry | command, new value). Each request is decoded,
 * checked and committed by itself; *pdone says how many were, also when one is refused.
 *
 * Plain stores to tables of the caller's take a short way, on which a table stays locked while the next
 * requests change the same one. Whatever that declines, goes to pv/mmu_entry.c with nothing locked.
 */
#include "pv/mmu_update.h"

#include "dom/vcpu.h"
#include "guest_words.h"
#include "hooks.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/tlb.h"
#include "pt/entry_fast.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

#define CHUNK 64u /* requests copied from the guest at a time */

struct requests {
    struct mmu_batch b;
    unsigned ready; /* requests in chunk that were not looked at yet */
    struct mmu_update chunk[CHUNK];
};

/* Copies the next chunk; one request alone when the chunk runs into an unreadable page. */
static unsigned requests_fetch(struct requests *r, uint64_t va, uint32_t left)
{
    unsigned n = left < CHUNK ? left : CHUNK;

    if (r->ready) {
        n = r->ready;
        r->ready = 0;
        return n;
    }
    if (!guest_read(r->chunk, va, n * sizeof(r->chunk[0])))
        return n;
    return guest_read(r->chunk, va, sizeof(r->chunk[0])) ? 0 : 1;
}

/*
 * Requests that store to the same L1, which is locked meanwhile: up to the first that does not, or is
 * not granted at once. Returns that one.
 */
static __attribute__((noinline)) const struct mmu_update *run_in_l1(const struct mmu_batch *b,
                                                                    const struct mmu_update *req,
                                                                    const struct mmu_update *end)
{
    const uint64_t l1_ma = req->ptr & PAGE_MASK;
    struct frame *table = frame_of_ma(l1_ma);
    const uint16_t page_owner = b->page_owner;
    char *base = ma_va(l1_ma);

    if (__builtin_expect(!l1_fast_lock(table, b->table_owner), 0))
        return req;
    for (; req < end; req++) {
        uint64_t offset = req->ptr ^ l1_ma;
        entry_drop_t drop;
        bool done;

        if (__builtin_expect(offset & ~(PAGE_SIZE - 1 - MMU_CMD_MASK), 0))
            break;
        done = l1_fast_change((uint64_t *)(base + offset), req->val, page_owner, &drop);
        if (__builtin_expect(drop != 0, 0))
            entry_fast_drop(drop);
        if (__builtin_expect(!done, 0))
            break;
    }
    entry_fast_unlock(table);
    return req;
}

/* One store to a table above L1. False: declined, nothing changed. */
static __attribute__((noinline)) bool store_above_l1(struct mmu_batch *b, uint64_t ptr,
                                                     uint64_t value)
{
    entry_drop_t drop;

    if (b->page_owner != b->table_owner || !upper_fast_change(ptr, value, b->page_owner, &drop))
        return false;
    b->flush = true;
    if (drop) {
        pte_put_refs(drop, 2); /* of any level above L1 */
        pt_work_drain();
    }
    return true;
}

/* As many requests as the short ways carry out: the first that they do not. */
static const struct mmu_update *run_short(struct mmu_batch *b, const struct mmu_update *req,
                                          const struct mmu_update *end)
{
    while (req < end && !(req->ptr & MMU_CMD_MASK) &&
           frame_valid((mfn_t){ req->ptr >> PAGE_SHIFT })) {
        const struct mmu_update *before = req;

        if (frame_type((mfn_t){ req->ptr >> PAGE_SHIFT }) == PT_L1)
            req = run_in_l1(b, req, end);
        else
            req += store_above_l1(b, req->ptr, req->val);
        if (req == before)
            break;
    }
    return req;
}

/* Runs requests until done, refused or preempted; r->b.index counts what was done. */
static int requests_run(struct requests *r, uint64_t va, uint32_t count, struct refused_entry *e)
{
    struct mmu_batch *b = &r->b;

    while (b->index < count) {
        unsigned n = requests_fetch(r, va + b->index * sizeof(r->chunk[0]), count - b->index);
        const struct mmu_update *req = r->chunk, *end = req + n;

        if (!n)
            return refuse(-EFAULT, "request-unreadable", MFN_NONE, 0);
        while (req < end) {
            const struct mmu_update *next = hook_fast() ? run_short(b, req, end) : req;
            int rc;

            b->index += next - req;
            req = next;
            if (req == end)
                break;
            if (b->index && hook_preempt())
                return -ERESTART;
            e->index = b->index;
            refusal_clear();
            rc = mmu_request(b, req, e);
            if (rc)
                return rc;
            req++;
            b->index++;
        }
        if (b->index < count && hook_preempt())
            return -ERESTART;
    }
    return 0;
}

static void requests_finish(struct mmu_batch *b)
{
    if (__builtin_expect(this_cpu()->pt_work->used, 0))
        pt_work_drain();
    if (b->flush)
        tlb_flush_all();
}

/*
 * The high half of foreigndom: whose tables, as domid + 1. Only numbers of domains: no DOMID_SELF, and
 * the caller's own is the caller.
 */
static __attribute__((noinline, cold)) int foreign_table_owner(uint16_t id, uint16_t *owner)
{
    if (id == domain_current()->id)
        return 0; /* *owner is that already */
    return id < DOMID_FIRST_RESERVED ? foreign_owner(id, owner) : -ESRCH;
}

/* All of the request, r->chunk holding the first r->ready of its entries already. */
static long mmu_update(struct requests *r, uint64_t reqs_va, uint64_t count_arg, uint64_t pdone_va,
                       uint64_t foreigndom)
{
    uint32_t count = (uint32_t)count_arg & ~MMU_UPDATE_PREEMPTED, base = 0, done;
    struct refused_entry e = { 0 };
    struct mmu_batch *b = &r->b;
    long rc;

    if (((uint32_t)count_arg & MMU_UPDATE_PREEMPTED) && pdone_va)
        (void)guest_read(&base, pdone_va, sizeof(base));
    if (!guest_va_ok(reqs_va))
        return refused("mmu_update", -EFAULT, "request-array-range");
    *b = (struct mmu_batch){ .table_owner = domain_current()->id };
    rc = foreigndom & 0xffff0000u
             ? foreign_table_owner((uint16_t)((foreigndom >> 16) - 1), &b->table_owner)
             : 0;
    if (rc == -ESRCH)
        return refuse_report("mmu_update", &e, rc);
    if (!rc)
        rc = foreign_owner((uint16_t)foreigndom, &b->page_owner);
    if (!rc) {
        rc = requests_run(r, reqs_va, count, &e);
        requests_finish(b);
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
    struct requests r; /* not cleared as a whole: the chunk is large */

    r.ready = 0;
    return mmu_update(&r, reqs_va, count, pdone_va, foreigndom);
}

/* A single request that was read and not carried out: its words are not read again. */
static __attribute__((noinline)) long single_update(uint64_t reqs_va, uint64_t pdone_va,
                                                    uint64_t ptr, uint64_t value)
{
    struct requests r;

    r.chunk[0] = (struct mmu_update){ ptr, value };
    r.ready = 1;
    return mmu_update(&r, reqs_va, 1, pdone_va, DOMID_SELF);
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
                                                        entry_drop_t drop, bool done)
{
    entry_fast_drop(drop);
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
    entry_drop_t drop;
    bool done;

    (void)unused;
    if (count != 1 || foreigndom != DOMID_SELF || !hook_fast() || !guest_va_ok(reqs_va) ||
        !guest_pair_get(reqs_va, &ptr, &value))
        return batch_update(reqs_va, count, pdone_va, foreigndom);
    table = frame_of_ma(ptr & PAGE_MASK);
    if (__builtin_expect((ptr & MMU_CMD_MASK) || !frame_valid((mfn_t){ ptr >> PAGE_SHIFT }), 0) ||
        __builtin_expect(!l1_fast_lock(table, owner), 0))
        return single_update(reqs_va, pdone_va, ptr, value);
    done = l1_fast_change(ma_va(ptr), value, owner, &drop);
    entry_fast_unlock(table);
    if (__builtin_expect(drop != 0, 0))
        return single_drop(reqs_va, pdone_va, ptr, value, drop, done);
    if (__builtin_expect(!done, 0))
        return single_update(reqs_va, pdone_va, ptr, value);
    return pdone_va ? single_done(pdone_va) : 0;
}
