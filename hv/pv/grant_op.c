/* SPDX-License-Identifier: MIT */
/*
 * Hypercall grant_table_op: the batches, and the requests about the table itself.
 *
 * Only version 1 is offered: what is asked of the others is answered as by Xen with
 * gnttab=max-ver:1. Invariant: a request that fails has changed nothing but its status.
 */
#include "pv/grant_op.h"

#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

#define CMD_MASK 0xfffu /* the rest of cmd is for continuations of cache_flush */

int grant_refused(const char *what, uint32_t index, int status)
{
    if (status)
        refuse_status(what, index, status);
    return status;
}

static int grant_rule(int status, const char *rule)
{
    return refuse(status, rule, MFN_NONE, 0);
}

/* The domain whose table is asked about: another than the caller's only for the privileged one. */
static int table_domain(domid_t id, struct domain **d)
{
    *d = domain_find(id);
    if (!*d || !(*d)->gnttab)
        return grant_rule(GNTST_bad_domain, "domain-unknown");
    if (*d != domain_current() && !domain_current()->initial)
        return grant_rule(GNTST_permission_denied, "domain-foreign");
    return GNTST_okay;
}

static int frames_list(const struct gnttab *gt, uint64_t list_va, uint32_t count)
{
    int status = GNTST_okay;

    for (uint32_t i = 0; i < count; i++)
        if (guest_write64(list_va + i * sizeof(xen_pfn_t), frame_of_va(gt->shared[i]).n))
            status = grant_rule(GNTST_bad_virt_addr, "list-unwritable");
    return status;
}

static int table_setup(const struct gnttab_setup_table *op)
{
    struct domain *d;
    int status = table_domain(op->dom, &d);

    if (status)
        return status;
    if (op->nr_frames > gnttab_frames_limit)
        return grant_rule(GNTST_general_error, "too-many-frames");
    if (!gnttab_grow(d, op->nr_frames))
        return grant_rule(GNTST_general_error, "out-of-memory");
    return frames_list(d->gnttab, (uint64_t)op->frame_list.p, op->nr_frames);
}

static long setup_table(uint64_t va, uint32_t count)
{
    struct gnttab_setup_table op;

    if (count != 1)
        return -EINVAL;
    if (guest_read(&op, va, sizeof(op)) || !guest_va_ok((uint64_t)op.frame_list.p))
        return -EFAULT;
    op.status = (int16_t)grant_refused("grant_table_op setup_table", 0, table_setup(&op));
    return guest_write(va + offsetof(struct gnttab_setup_table, status), &op.status,
                       sizeof(op.status));
}

static long query_size(uint64_t va, uint32_t count)
{
    struct gnttab_query_size op;
    struct domain *d;

    if (count != 1)
        return -EINVAL;
    if (guest_read(&op, va, sizeof(op)))
        return -EFAULT;
    op.status = (int16_t)grant_refused("grant_table_op query_size", 0, table_domain(op.dom, &d));
    if (!op.status) {
        op.nr_frames = d->gnttab->frames;
        op.max_nr_frames = gnttab_frames_limit;
    }
    return guest_write(va, &op, sizeof(op));
}

/* There are none: version 2 would have them. */
static long get_status_frames(uint64_t va, uint32_t count)
{
    gnttab_get_status_frames_t op;
    struct domain *d;
    int status;

    if (count != 1)
        return -EINVAL;
    if (guest_read(&op, va, sizeof(op)))
        return -EFAULT;
    status = table_domain(op.dom, &d);
    if (!status && op.nr_frames)
        status = grant_rule(GNTST_general_error, "no-status-frames");
    op.status = (int16_t)grant_refused("grant_table_op get_status_frames", 0, status);
    return guest_write(va + offsetof(gnttab_get_status_frames_t, status), &op.status,
                       sizeof(op.status));
}

static long set_version(uint64_t va)
{
    gnttab_set_version_t op;
    long rc;

    if (guest_read(&op, va, sizeof(op)))
        return -EFAULT;
    rc = op.version == 1 ? 0 : op.version == 2 ? -ENOSYS : -EINVAL;
    if (rc)
        refused("grant_table_op set_version", rc, "version-not-offered");
    op.version = 1;
    return guest_write(va, &op, sizeof(op)) ? -EFAULT : rc;
}

static long get_version(uint64_t va)
{
    gnttab_get_version_t op;
    struct domain *d;
    int status;

    if (guest_read(&op, va, sizeof(op)))
        return -EFAULT;
    status = table_domain(op.dom, &d);
    if (status)
        return refuse_report("grant_table_op get_version", 0,
                             status == GNTST_bad_domain ? -ESRCH : -EPERM);
    op.version = 1;
    return guest_write(va + offsetof(gnttab_get_version_t, version), &op.version,
                       sizeof(op.version));
}

static long swap_refs(uint64_t va, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, va += sizeof(gnttab_swap_grant_ref_t)) {
        gnttab_swap_grant_ref_t op;

        if (i && hook_preempt())
            return i;
        if (guest_read(&op, va, sizeof(op)))
            return -EFAULT;
        op.status = (int16_t)grant_refused("grant_table_op swap_grant_ref", i,
                                           grant_swap(domain_current(), op.ref_a, op.ref_b));
        if (guest_write(va + offsetof(gnttab_swap_grant_ref_t, status), &op.status,
                        sizeof(op.status)))
            return -EFAULT;
    }
    return count;
}

/* RAM is write-back everywhere and stays coherent: what remains are the checks. */
static long cache_flush_one(const gnttab_cache_flush_t *op)
{
    struct domain *d = domain_current(), *owner;
    mfn_t mfn = ma_to_mfn(op->a.dev_bus_addr);

    if (op->offset >= PAGE_SIZE || op->offset + op->length > PAGE_SIZE ||
        (op->op & ~(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL)))
        return refuse(-EINVAL, "cache-flush-argument", MFN_NONE, 0);
    if (!op->length || !op->op)
        return 0;
    if (!frame_valid(mfn))
        return refuse(-EINVAL, "frame-beyond-memory", mfn, 0);
    owner = frame_refs(mfn) ? gnttab_domain(frame_owner(mfn)) : 0;
    if (!owner)
        return refuse(-EPERM, "frame-not-a-domain's", mfn, 0);
    if (owner != d && !grant_used(owner, d->id, mfn, false))
        return refuse(-EINVAL, "frame-not-mapped-by-grant", mfn, 0);
    return op->op == GNTTAB_CACHE_INVAL ? refuse(-EOPNOTSUPP, "cache-invalidate", mfn, 0) : 0;
}

static long cache_flush(uint64_t va, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, va += sizeof(gnttab_cache_flush_t)) {
        struct refused_entry e = { .index = i };
        gnttab_cache_flush_t op;
        long rc;

        if (i && hook_preempt())
            return i;
        if (guest_read(&op, va, sizeof(op)))
            return -EFAULT;
        rc = cache_flush_one(&op);
        if (rc)
            return refuse_report("grant_table_op cache_flush", &e, rc);
    }
    return count;
}

static const struct {
    long (*run)(uint64_t va, uint32_t count);
    size_t bytes;
} batches[] = {
    [GNTTABOP_map_grant_ref] = { grant_map, sizeof(struct gnttab_map_grant_ref) },
    [GNTTABOP_unmap_grant_ref] = { grant_unmap, sizeof(struct gnttab_unmap_grant_ref) },
    [GNTTABOP_copy] = { grant_copy, sizeof(struct gnttab_copy) },
    [GNTTABOP_unmap_and_replace] = { grant_unmap_and_replace,
                                     sizeof(struct gnttab_unmap_and_replace) },
    [GNTTABOP_swap_grant_ref] = { swap_refs, sizeof(gnttab_swap_grant_ref_t) },
    [GNTTABOP_cache_flush] = { cache_flush, sizeof(gnttab_cache_flush_t) },
};

static long batch_run(unsigned cmd, uint64_t va, uint32_t count)
{
    long done;

    if (!guest_va_ok(va))
        return -EFAULT;
    done = batches[cmd].run(va, count);
    if (done < 0 || done == count)
        return done < 0 ? done : 0;
    return hypercall_restart(__HYPERVISOR_grant_table_op, cmd, va + done * batches[cmd].bytes,
                             count - (uint32_t)done, 0, 0);
}

long hc_grant_table_op(uint64_t cmd_arg, uint64_t va, uint64_t count_arg, uint64_t a4, uint64_t a5)
{
    unsigned cmd = (uint32_t)cmd_arg & CMD_MASK;
    uint32_t count = (uint32_t)count_arg;

    (void)a4, (void)a5;
    if (count > INT32_MAX)
        return refused("grant_table_op", -EINVAL, "count-negative");
    if ((uint32_t)cmd_arg & ~CMD_MASK && cmd != GNTTABOP_cache_flush)
        return refused("grant_table_op", -EINVAL, "command-bits");
    if (cmd < sizeof(batches) / sizeof(batches[0]) && batches[cmd].run)
        return batch_run(cmd, va, count);
    switch (cmd) {
    case GNTTABOP_setup_table:
        return setup_table(va, count);
    case GNTTABOP_query_size:
        return query_size(va, count);
    case GNTTABOP_set_version:
        return set_version(va);
    case GNTTABOP_get_status_frames:
        return get_status_frames(va, count);
    case GNTTABOP_get_version:
        return get_version(va);
    case GNTTABOP_transfer:
        return refused("grant_table_op transfer", guest_va_ok(va) ? -EOPNOTSUPP : -EFAULT,
                       "left-out");
    default:
        return refused("grant_table_op", -ENOSYS, "command-unknown");
    }
}
