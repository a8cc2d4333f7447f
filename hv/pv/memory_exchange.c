/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_exchange: frames that nothing refers to are given for new ones, of another extent order
 * (how a guest makes a contiguous buffer).
 *
 * Works in chunks of the larger of the two extent orders. Within a chunk the new frames are
 * allocated before the old ones go, so that a failure leaves the chunk as it was; nr_exchanged tells
 * how many input extents are done. Frames of a chunk are read from the guest once, held by a
 * reference each meanwhile, so a list that names one twice is refused (hazard H2).
 */
#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/page_alloc.h"
#include "pv/hypercall.h"
#include "pv/memory_op.h"
#include "pv/refuse.h"

struct exchange {
    struct domain *d;
    struct xen_memory_exchange arg;
    unsigned order; /* of a chunk */
    uint64_t *in;   /* frames of the chunk that goes */
    uint64_t *out;  /* first frames of the extents that come */
};

static long fail(long err, const char *rule, mfn_t mfn)
{
    return refuse((int)err, rule, mfn, 0);
}

static long exchange_check(struct exchange *x)
{
    const struct xen_memory_reservation *in = &x->arg.in, *out = &x->arg.out;
    unsigned max = memory_max_order(domain_current());

    if (in->extent_order > max || out->extent_order > max)
        return fail(-EPERM, "extent-order-too-large", MFN_NONE);
    if (in->domid != out->domid || x->arg.nr_exchanged > in->nr_extents ||
        ~0ul >> in->extent_order < in->nr_extents || ~0ul >> out->extent_order < out->nr_extents ||
        in->nr_extents << in->extent_order != out->nr_extents << out->extent_order)
        return fail(-EINVAL, "extent-lists-do-not-match", MFN_NONE);
    if (~0ul / sizeof(xen_pfn_t) < in->nr_extents || ~0ul / sizeof(xen_pfn_t) < out->nr_extents ||
        !guest_range_ok((uint64_t)in->extent_start.p, in->nr_extents * sizeof(xen_pfn_t)) ||
        !guest_range_ok((uint64_t)out->extent_start.p, out->nr_extents * sizeof(xen_pfn_t)))
        return fail(-EFAULT, "list-out-of-range", MFN_NONE);
    x->order = in->extent_order > out->extent_order ? in->extent_order : out->extent_order;
    return memory_domain(in->domid, &x->d);
}

static void chunk_put(const uint64_t *frames, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        frame_put(mfn_of(frames[i]));
}

/* A frame that only its owner's allocation refers to, held. */
static long steal(const struct exchange *x, mfn_t mfn)
{
    const uint64_t lone = FRAME_ALLOCATED | 2;

    if (!frame_get(mfn, x->d->id))
        return -EINVAL;
    if ((frame_of(mfn)->ref & (FRAME_ALLOCATED | FRAME_HV_SHARED | FRAME_REF_COUNT)) == lone)
        return 0;
    frame_put(mfn);
    return fail(-EINVAL, "frame-is-in-use", mfn);
}

/* Reads and holds the frames of the chunk that begins at input extent `first`. */
static long chunk_take(struct exchange *x, uint64_t first)
{
    const struct xen_memory_reservation *in = &x->arg.in;
    uint64_t extents = 1ul << (x->order - in->extent_order), n = 0;

    for (uint64_t i = 0; i < extents; i++) {
        uint64_t mfn = 0;
        long rc = 0;

        if (guest_read64(&mfn, (uint64_t)in->extent_start.p + (first + i) * sizeof(xen_pfn_t)))
            rc = fail(-EFAULT, "list-unreadable", MFN_NONE);
        for (uint64_t k = 0; !rc && k < 1ul << in->extent_order; k++) {
            rc = mfn < frame_limit ? steal(x, mfn_of(mfn + k))
                                   : fail(-EINVAL, "frame-beyond-memory", mfn_of(mfn));
            if (!rc)
                x->in[n++] = mfn + k;
        }
        if (rc) {
            chunk_put(x->in, n);
            return rc;
        }
    }
    return 0;
}

/* Allocates the chunk's new extents. The quota is not theirs to respect: as many pages will go. */
static long chunk_alloc(struct exchange *x)
{
    unsigned order = x->arg.out.extent_order;
    uint64_t extents = 1ul << (x->order - order);
    long rc = 0;

    for (uint64_t i = 0; i < extents; i++) {
        mfn_t mfn = owner_alloc_instead(&x->d->owner, order);

        if (!frame_valid(mfn)) {
            while (i--)
                extent_release(x->d, mfn_of(x->out[i]), order);
            rc = fail(-ENOMEM, "no-memory", MFN_NONE);
            break;
        }
        x->out[i] = mfn.n;
    }
    return rc;
}

/* The point of no return: the old frames go, the new ones are named to the guest. */
static long chunk_commit(struct exchange *x, uint64_t first_in)
{
    const struct xen_memory_reservation *out = &x->arg.out;
    uint64_t extents = 1ul << (x->order - out->extent_order);
    uint64_t first = (first_in << x->arg.in.extent_order) >> out->extent_order;
    long rc = 0;

    for (uint64_t i = 0; i < 1ul << x->order; i++) {
        owner_release(&x->d->owner, mfn_of(x->in[i]));
        frame_put(mfn_of(x->in[i]));
    }
    for (uint64_t i = 0; i < extents; i++) {
        uint64_t va = (uint64_t)out->extent_start.p + (first + i) * sizeof(xen_pfn_t), pfn;

        if (guest_read64(&pfn, va) || guest_write64(va, x->out[i])) {
            rc = fail(-EFAULT, "list-unwritable", MFN_NONE);
            continue;
        }
        extent_name(x->d, mfn_of(x->out[i]), out->extent_order, pfn);
    }
    return rc;
}

static long chunks(struct exchange *x)
{
    uint64_t step = 1ul << (x->order - x->arg.in.extent_order);
    uint64_t start = x->arg.nr_exchanged;

    while (x->arg.nr_exchanged < x->arg.in.nr_extents) {
        uint64_t done = x->arg.nr_exchanged - start;
        long rc;

        if (done && (done << x->arg.in.extent_order >= MEMOP_PAGES_PER_CALL || hook_preempt()))
            return -ERESTART;
        rc = chunk_take(x, x->arg.nr_exchanged);
        if (rc)
            return rc;
        rc = chunk_alloc(x);
        if (rc) {
            chunk_put(x->in, 1ul << x->order);
            return rc;
        }
        rc = chunk_commit(x, x->arg.nr_exchanged);
        x->arg.nr_exchanged += step;
        if (rc)
            return rc;
    }
    return 0;
}

/* Room for the frames of one chunk, twice. */
static long exchange_run(struct exchange *x)
{
    unsigned order = x->order > 8 ? x->order - 8 : 0;
    mfn_t room = page_alloc(order);
    long rc;

    if (!frame_valid(room))
        return fail(-ENOMEM, "no-memory", MFN_NONE);
    x->in = frame_va(room);
    x->out = x->in + (1ul << x->order);
    rc = chunks(x);
    page_free(room, order);
    return rc;
}

long memory_exchange(uint64_t arg_va)
{
    const uint64_t done_va = arg_va + offsetof(struct xen_memory_exchange, nr_exchanged);
    struct exchange x;
    long rc;

    if (guest_read(&x.arg, arg_va, sizeof(x.arg)))
        return refused("memory_op exchange", -EFAULT, "argument-unreadable");
    rc = exchange_check(&x);
    if (rc)
        return refuse_report("memory_op exchange", 0, rc);
    if (x.arg.nr_exchanged == x.arg.in.nr_extents)
        return 0;
    rc = exchange_run(&x);
    if (guest_write64(done_va, x.arg.nr_exchanged) && (!rc || rc == -ERESTART))
        rc = fail(-EFAULT, "argument-unwritable", MFN_NONE);
    if (rc == -ERESTART)
        return hypercall_restart(__HYPERVISOR_memory_op, XENMEM_exchange, arg_va, 0, 0, 0);
    return rc ? refuse_report("memory_op exchange", 0, rc) : 0;
}
