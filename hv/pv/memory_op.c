/* SPDX-License-Identifier: MIT */
/*
 * Hypercall memory_op: the memory reservation of a domain grows and shrinks here.
 *
 * ABI quirk: increase, decrease and populate never return an error. They return how many extents
 * were done, counted from the beginning of the list even after a continuation; why they stopped
 * stands only on the log.
 * Invariant: an extent is done whole or not at all. A frame that is given back goes when its last
 * reference does; until then it is still its old owner's.
 */
#include "pv/memory_op.h"

#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/m2p.h"
#include "mm/page_alloc.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

#define EXTENTS_MAX (UINT32_MAX >> MEMOP_EXTENT_SHIFT)

struct reservation {
    struct domain *d;
    unsigned cmd;
    uint64_t list_va; /* of MFNs or PFNs; 0 = increase without a list */
    uint64_t extents;
    unsigned order;
    unsigned address_bits; /* frames must lie below 2^bits bytes; 0 = anywhere */
};

/* As Xen: its control domain is bounded by the allocator alone, others by a large page. */
unsigned memory_max_order(const struct domain *d)
{
    return d->initial ? PAGE_ORDER_MAX : 9;
}

long memory_domain(domid_t id, struct domain **d)
{
    *d = domain_find(id);
    if (!*d)
        return refuse(-ESRCH, "domain-unknown", MFN_NONE, 0);
    if (*d != domain_current() && !domain_current()->initial)
        return refuse(-EPERM, "domain-foreign", MFN_NONE, 0);
    return 0;
}

static bool stop(const char *rule, mfn_t mfn)
{
    refuse(-EINVAL, rule, mfn, 0);
    return false;
}

void extent_release(struct domain *d, mfn_t first, unsigned order)
{
    for (uint64_t i = 0; i < 1ul << order; i++) {
        mfn_t mfn = mfn_add(first, i);

        if (!frame_get_to_undo(mfn, d->id))
            continue;
        owner_release(&d->owner, mfn);
        frame_put(mfn);
    }
}

void extent_name(struct domain *d, mfn_t first, unsigned order, uint64_t pfn)
{
    for (uint64_t i = 0; i < 1ul << order; i++) {
        mfn_t mfn = mfn_add(first, i);

        if (frame_get_to_undo(mfn, d->id)) {
            m2p_set(mfn, pfn + i);
            frame_put(mfn);
        } else {
            refusal_clear(); /* of no request: what the guest was told is true all the same */
        }
    }
}

/* New frames, as the request wants them; or MFN_NONE. */
static mfn_t alloc_extent(const struct reservation *r)
{
    mfn_t mfn = owner_alloc(&r->d->owner, r->order);

    if (!frame_valid(mfn)) {
        stop("no-memory-or-quota", MFN_NONE);
        return MFN_NONE;
    }
    if (r->address_bits && r->address_bits < 64 &&
        (mfn_to_ma(mfn) + (PAGE_SIZE << r->order) - 1) >> r->address_bits) {
        extent_release(r->d, mfn, r->order);
        stop("no-memory-that-low", MFN_NONE);
        return MFN_NONE;
    }
    return mfn;
}

static bool increase_one(const struct reservation *r, uint64_t i)
{
    mfn_t mfn = alloc_extent(r);

    if (!frame_valid(mfn))
        return false;
    if (r->list_va && guest_write64(r->list_va + i * sizeof(xen_pfn_t), mfn.n)) {
        extent_release(r->d, mfn, r->order);
        return stop("list-unwritable", MFN_NONE);
    }
    return true;
}

static bool populate_one(const struct reservation *r, uint64_t i)
{
    uint64_t va = r->list_va + i * sizeof(xen_pfn_t), pfn;
    mfn_t mfn;

    if (guest_read64(&pfn, va))
        return stop("list-unreadable", MFN_NONE);
    mfn = alloc_extent(r);
    if (!frame_valid(mfn))
        return false;
    if (guest_write64(va, mfn.n)) {
        extent_release(r->d, mfn, r->order);
        return stop("list-unwritable", MFN_NONE);
    }
    extent_name(r->d, mfn, r->order, pfn);
    return true;
}

/*
 * The hypervisor's own pages are not the guest's to give. True with a reference on the frame, which
 * keeps it the domain's while another vCPU gives it back at the same time.
 */
static bool frame_hold_given(const struct domain *d, mfn_t mfn)
{
    uint64_t ref;

    if (!frame_get(mfn, d->id))
        return false;
    ref = frame_of(mfn)->ref;
    if (!(ref & FRAME_HV_SHARED))
        return true;
    frame_put(mfn);
    return stop("frame-is-the-hypervisors", mfn);
}

/*
 * A frame that was given before, and that something still refers to, counts once more. The M2P keeps
 * the PFN until the last reference goes.
 */
static bool decrease_one(const struct reservation *r, uint64_t i)
{
    uint64_t first, held = 0;
    bool whole;

    if (guest_read64(&first, r->list_va + i * sizeof(xen_pfn_t)))
        return stop("list-unreadable", MFN_NONE);
    if (first >= frame_limit)
        return stop("frame-beyond-memory", mfn_of(first));
    while (held < 1ul << r->order && frame_hold_given(r->d, mfn_of(first + held)))
        held++;
    whole = held == 1ul << r->order;
    for (uint64_t k = 0; k < held; k++) {
        if (whole)
            owner_release(&r->d->owner, mfn_of(first + k));
        frame_put(mfn_of(first + k));
    }
    return whole;
}

/* Decodes and checks the request. False: it ends where it started. */
static bool reservation_read(struct reservation *r, uint64_t arg_va)
{
    struct xen_memory_reservation arg;

    if (guest_read(&arg, arg_va, sizeof(arg)))
        return stop("argument-unreadable", MFN_NONE);
    if (arg.nr_extents > EXTENTS_MAX)
        return stop("too-many-extents", MFN_NONE);
    r->list_va = (uint64_t)arg.extent_start.p;
    r->extents = arg.nr_extents;
    r->order = arg.extent_order;
    r->address_bits = XENMEMF_get_address_bits(arg.mem_flags);
    if (!guest_va_ok(r->list_va) || (!r->list_va && r->cmd != XENMEM_increase_reservation))
        return stop("list-out-of-range", MFN_NONE);
    if (memory_domain(arg.domid, &r->d))
        return false;
    if (r->order > memory_max_order(domain_current()))
        return stop("extent-order-too-large", MFN_NONE);
    return true;
}

static const char *const reservation_name[] = {
    [XENMEM_increase_reservation] = "memory_op increase_reservation",
    [XENMEM_decrease_reservation] = "memory_op decrease_reservation",
    [XENMEM_populate_physmap] = "memory_op populate_physmap",
};

static long reservation_change(unsigned cmd, uint64_t start, uint64_t arg_va)
{
    struct reservation r = { .cmd = cmd };
    bool (*one)(const struct reservation *, uint64_t) = cmd == XENMEM_increase_reservation
                                                            ? increase_one
                                                        : cmd == XENMEM_decrease_reservation
                                                            ? decrease_one
                                                            : populate_one;
    struct refused_entry e = { .index = (unsigned)start };
    uint64_t i = start;

    if (!reservation_read(&r, arg_va))
        goto stopped;
    for (; i < r.extents; i++) {
        if (i > start && ((i - start) << r.order >= MEMOP_PAGES_PER_CALL || hook_preempt()))
            return hypercall_restart(__HYPERVISOR_memory_op, cmd | i << MEMOP_EXTENT_SHIFT, arg_va,
                                     0, 0, 0);
        if (!one(&r, i))
            goto stopped;
    }
    return (long)i;

stopped:
    e.index = (unsigned)i;
    refuse_report(reservation_name[cmd], &e, -EINVAL); /* the line's errno; the result has none */
    return (long)i;
}

long hc_memory_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    unsigned op = cmd & MEMOP_CMD_MASK;
    uint64_t start = (uint32_t)cmd >> MEMOP_EXTENT_SHIFT;

    (void)a3, (void)a4, (void)a5;
    switch (op) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return reservation_change(op, start, arg);
    case XENMEM_add_to_physmap:
    case XENMEM_add_to_physmap_batch:
        if (start > UINT16_MAX)
            return refused("memory_op add_to_physmap", -EDOM, "start-extent");
        return memory_info(op, arg);
    case XENMEM_exchange:
        if (start)
            return refused("memory_op exchange", -EINVAL, "start-extent");
        return memory_exchange(arg);
    case XENMEM_maximum_ram_page:
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
    case XENMEM_remove_from_physmap:
        if (start)
            return refused("memory_op", -EINVAL, "start-extent");
        return memory_info(op, arg);
    default: /* no operation of that number */
        return memory_info(start ? MEMOP_CMD_MASK : op, arg);
    }
}
