/* SPDX-License-Identifier: MIT */
/*
 * mmuext_op: pins, base pointers, flushes, LDT, and whole-page clears and copies; a batch with one
 * handler for each command.
 */
#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "guest_words.h"
#include "mm/guest_copy.h"
#include "mm/hv_map.h"
#include "mm/tlb.h"
#include "pt/pin.h"
#include "pv/base_pointer.h"
#include "pv/descriptor.h"
#include "pv/hypercall.h"
#include "pv/mmu_update.h"
#include "pv/refuse.h"

typedef struct mmuext_op mmuext_op_s;

static int op_pin(const mmuext_op_s *op, uint16_t owner)
{
    mfn_t mfn = { op->arg1.mfn };
    int rc = page_pin(mfn, owner, (enum page_type)(PT_L1 + (op->cmd - MMUEXT_PIN_L1_TABLE)));

    if (!rc)
        trace("pin mfn %lx as L%u\n", mfn.n, op->cmd - MMUEXT_PIN_L1_TABLE + 1);
    return rc;
}

static int op_unpin(const mmuext_op_s *op, uint16_t owner)
{
    mfn_t mfn = { op->arg1.mfn };
    int rc = page_unpin(mfn, owner);

    if (!rc)
        trace("unpin mfn %lx\n", mfn.n);
    return rc;
}

static int op_new_baseptr(const mmuext_op_s *op, uint16_t owner)
{
    return base_pointer_set((mfn_t){ op->arg1.mfn }, owner);
}

static int op_new_user_baseptr(const mmuext_op_s *op, uint16_t owner)
{
    return user_base_pointer_set((mfn_t){ op->arg1.mfn }, owner);
}

static int op_flush_all(const mmuext_op_s *op, uint16_t owner)
{
    (void)op;
    (void)owner;
    tlb_flush_all();
    return 0;
}

static int op_flush_va(const mmuext_op_s *op, uint16_t owner)
{
    (void)owner;
    if (guest_va_ok(op->arg1.linear_addr))
        tlb_flush_va(op->arg1.linear_addr);
    return 0;
}

/* Of a set of vCPUs: of this one, if it is among them. */
static int op_flush_set(const mmuext_op_s *op, uint16_t owner)
{
    uint64_t set_va = (uint64_t)op->arg2.vcpumask.p, set;

    if (guest_read64(&set, set_va))
        return refuse(-EINVAL, "vcpu-set-unreadable", MFN_NONE, set_va);
    if (!vcpu_set_flushes(set))
        return 0;
    return op->cmd == MMUEXT_TLB_FLUSH_MULTI ? op_flush_all(op, owner) : op_flush_va(op, owner);
}

/* No domain has devices yet, hence none may control caches. */
static int op_flush_cache(const mmuext_op_s *op, uint16_t owner)
{
    (void)owner;
    return refuse(op->cmd == MMUEXT_FLUSH_CACHE ? -EACCES : -EINVAL, "cache-control-permission",
                  MFN_NONE, 0);
}

static int op_set_ldt(const mmuext_op_s *op, uint16_t owner)
{
    (void)owner;
    return (int)ldt_set(op->arg1.linear_addr, op->arg2.nr_ents);
}

/* Whole-page writes hold the writable type while they write, like a mapping would. */
static int op_clear_page(const mmuext_op_s *op, uint16_t owner)
{
    mfn_t mfn = { op->arg1.mfn };
    int rc = page_get_typed(mfn, owner, PT_WRITABLE);

    if (rc)
        return rc;
    memset(frame_va(mfn), 0, PAGE_SIZE);
    page_put_typed(mfn);
    return 0;
}

static int op_copy_page(const mmuext_op_s *op, uint16_t owner)
{
    mfn_t dst = { op->arg1.mfn }, src = { op->arg2.src_mfn };
    int rc;

    if (!frame_get(src, owner))
        return -EINVAL;
    rc = page_get_typed(dst, owner, PT_WRITABLE);
    if (!rc) {
        memmove(frame_va(dst), frame_va(src), PAGE_SIZE);
        page_put_typed(dst);
    }
    frame_put(src);
    return rc;
}

static int op_superpage(const mmuext_op_s *op, uint16_t owner)
{
    (void)owner;
    return refuse(-EOPNOTSUPP, "superpage-refused", (mfn_t){ op->arg1.mfn }, 0);
}

static const struct {
    const char *name;
    int (*run)(const mmuext_op_s *op, uint16_t owner);
    bool foreign; /* may name another domain's frames */
} ops[] = {
    [MMUEXT_PIN_L1_TABLE] = { "mmuext_op PIN_L1", op_pin, true },
    [MMUEXT_PIN_L2_TABLE] = { "mmuext_op PIN_L2", op_pin, true },
    [MMUEXT_PIN_L3_TABLE] = { "mmuext_op PIN_L3", op_pin, true },
    [MMUEXT_PIN_L4_TABLE] = { "mmuext_op PIN_L4", op_pin, true },
    [MMUEXT_UNPIN_TABLE] = { "mmuext_op UNPIN", op_unpin, true },
    [MMUEXT_NEW_BASEPTR] = { "mmuext_op NEW_BASEPTR", op_new_baseptr, false },
    [MMUEXT_TLB_FLUSH_LOCAL] = { "mmuext_op TLB_FLUSH_LOCAL", op_flush_all, false },
    [MMUEXT_INVLPG_LOCAL] = { "mmuext_op INVLPG_LOCAL", op_flush_va, false },
    [MMUEXT_TLB_FLUSH_MULTI] = { "mmuext_op TLB_FLUSH_MULTI", op_flush_set, false },
    [MMUEXT_INVLPG_MULTI] = { "mmuext_op INVLPG_MULTI", op_flush_set, false },
    [MMUEXT_TLB_FLUSH_ALL] = { "mmuext_op TLB_FLUSH_ALL", op_flush_all, false },
    [MMUEXT_INVLPG_ALL] = { "mmuext_op INVLPG_ALL", op_flush_va, false },
    [MMUEXT_FLUSH_CACHE] = { "mmuext_op FLUSH_CACHE", op_flush_cache, false },
    [MMUEXT_SET_LDT] = { "mmuext_op SET_LDT", op_set_ldt, false },
    [MMUEXT_NEW_USER_BASEPTR] = { "mmuext_op NEW_USER_BASEPTR", op_new_user_baseptr, false },
    [MMUEXT_CLEAR_PAGE] = { "mmuext_op CLEAR_PAGE", op_clear_page, true },
    [MMUEXT_COPY_PAGE] = { "mmuext_op COPY_PAGE", op_copy_page, true },
    [MMUEXT_FLUSH_CACHE_GLOBAL] = { "mmuext_op FLUSH_CACHE_GLOBAL", op_flush_cache, false },
    [MMUEXT_MARK_SUPER] = { "mmuext_op MARK_SUPER", op_superpage, true },
    [MMUEXT_UNMARK_SUPER] = { "mmuext_op UNMARK_SUPER", op_superpage, true },
};

static const char *op_name(uint32_t cmd)
{
    return cmd < sizeof(ops) / sizeof(ops[0]) && ops[cmd].run ? ops[cmd].name : "mmuext_op ?";
}

static int op_run(const mmuext_op_s *op, uint16_t owner)
{
    int rc;

    if (op->cmd >= sizeof(ops) / sizeof(ops[0]) || !ops[op->cmd].run)
        return refuse(-ENOSYS, "unknown-command", MFN_NONE, op->cmd);
    if (owner != domain_current()->id && !ops[op->cmd].foreign)
        return refuse(-EPERM, "foreign-frame-owner", MFN_NONE, op->cmd);
    /* It may have died since the batch began, while others ran: it is not to be pinned again. */
    if (owner != domain_current()->id && owner < DOMID_FIRST_RESERVED && !domain_find(owner))
        return refuse(-ESRCH, "no-such-domain", MFN_NONE, owner);
    rc = ops[op->cmd].run(op, owner);
    if (__builtin_expect(this_cpu()->pt_work->used, 0))
        pt_work_drain();
    return rc;
}

/* Runs from *done on; op is left as the one that ended the batch. */
static long ops_run(uint64_t ops_va, uint32_t count, uint16_t owner, mmuext_op_s *op,
                    uint32_t *done)
{
    for (*done = 0; *done < count; (*done)++) {
        int rc;

        if (*done && hook_preempt())
            return -ERESTART;
        if (guest_read(op, ops_va + *done * sizeof(*op), sizeof(*op))) {
            op->cmd = ~0u;
            return refuse(-EFAULT, "request-unreadable", MFN_NONE, 0);
        }
        rc = op_run(op, owner);
        if (rc)
            return rc;
    }
    return 0;
}

/* How a request ends: the rest of it, from ops_va on, is restarted, or operation `done` explained. */
static long ops_end(const mmuext_op_s *op, uint64_t ops_va, uint32_t left, uint64_t pdone_va,
                    uint64_t foreigndom, uint32_t done, long rc)
{
    if (rc == -ERESTART)
        return hypercall_restart(__HYPERVISOR_mmuext_op, ops_va, left | MMU_UPDATE_PREEMPTED,
                                 pdone_va, foreigndom, 0);
    return rc ? refuse_report(op_name(op->cmd), &(struct refused_entry){ .index = done }, rc) : 0;
}

static __attribute__((noinline)) long mmuext_op(uint64_t ops_va, uint64_t count_arg,
                                                uint64_t pdone_va, uint64_t foreigndom)
{
    uint32_t count = (uint32_t)count_arg & ~MMU_UPDATE_PREEMPTED, base = 0, done = 0;
    mmuext_op_s op = { .cmd = ~0u };
    uint16_t owner;
    long rc;

    if (((uint32_t)count_arg & MMU_UPDATE_PREEMPTED) && pdone_va)
        (void)guest_read(&base, pdone_va, sizeof(base));
    if (!guest_va_ok(ops_va))
        return refused("mmuext_op", -EFAULT, "request-array-range");
    rc = foreign_owner((uint16_t)foreigndom, &owner);
    if (rc)
        return refuse_report("mmuext_op", 0, rc);
    rc = ops_run(ops_va, count, owner, &op, &done);
    if (pdone_va) {
        base += done;
        (void)guest_write(pdone_va, &base, sizeof(base));
    }
    return ops_end(&op, ops_va + done * sizeof(op), count - done, pdone_va, foreigndom, done, rc);
}

/* A single operation, of which the first two words were read: they are not read again. */
static __attribute__((noinline)) long single_op(uint64_t ops_va, uint64_t pdone_va, uint64_t cmd,
                                                uint64_t arg1)
{
    union {
        uint64_t words[3];
        mmuext_op_s op;
    } u = { .words = { cmd, arg1 } };
    uint32_t done;
    int rc;

    if (!guest_word_read(ops_va + 16, &u.words[2])) {
        u.op.cmd = ~0u;
        rc = refuse(-EFAULT, "request-unreadable", MFN_NONE, 0);
    } else {
        rc = op_run(&u.op, domain_current()->id);
    }
    done = !rc;
    if (pdone_va)
        (void)guest_write(pdone_va, &done, sizeof(done));
    return rc ? ops_end(&u.op, ops_va, 1, pdone_va, DOMID_SELF, 0, rc) : 0;
}

/* A leaf: the new root is a validated L4 of the caller's, the old one stays one (it is pinned). */
static inline long base_pointer_request(mfn_t new, uint64_t ops_va)
{
    struct vcpu *v = vcpu_current();
    mfn_t old = ma_to_mfn(v->cr3_kernel);

    if (__builtin_expect(mfn_eq(new, old) || v->ldt_mapped, 0) ||
        __builtin_expect(!page_get_typed_short(new, v->domain->id, PT_L4), 0))
        return single_op(ops_va, 0, MMUEXT_NEW_BASEPTR, new.n);
    if (__builtin_expect(!((const uint64_t *)frame_va(new))[PT_HV_SLOT_FIRST], 0))
        return base_pointer_replace(new, old); /* it does not show the M2P yet */
    v->cr3_kernel = mfn_to_ma(new);
    tlb_load_root(v->cr3_kernel);
    return __builtin_expect(page_put_typed_short(old), 1) ? 0 : base_pointer_drop(old);
}

/* One operation on frames of the caller's own is the common case, and a new root the commonest. */
long hc_mmuext_op(uint64_t ops_va, uint64_t count, uint64_t pdone_va, uint64_t foreigndom,
                  uint64_t unused)
{
    uint64_t cmd, arg1;

    (void)unused;
    if (__builtin_expect(count != 1 || foreigndom != DOMID_SELF || !hook_fast() ||
                             !guest_va_ok(ops_va) || !guest_pair_get(ops_va, &cmd, &arg1),
                         0))
        return mmuext_op(ops_va, count, pdone_va, foreigndom);
    if ((uint32_t)cmd == MMUEXT_NEW_BASEPTR && !pdone_va)
        return base_pointer_request((mfn_t){ arg1 }, ops_va);
    return single_op(ops_va, pdone_va, cmd, arg1);
}
