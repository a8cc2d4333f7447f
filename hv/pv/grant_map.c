/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_map_grant_ref, unmap_grant_ref, unmap_and_replace.
 *
 * Order at map: handle, pin, references, entry, live handle; each step undone in reverse. At unmap
 * (hazard G6): entries out, flush, then references and pins, and with them the granter's marks.
 * Invariant: a part of a mapping (host, device) is ended once: whoever clears its flag in the
 * handle, under handles_lock, ends it (hazard G3).
 */
#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/tlb.h"
#include "pt/page_type.h"
#include "pv/grant_op.h"
#include "pv/grant_pte.h"

#define PARTS       (GNTMAP_device_map | GNTMAP_host_map)
#define UNMAP_BATCH 32u /* requests to one flush */

static int map_rule(int status, const char *rule, uint64_t what)
{
    return refuse(status, rule, MFN_NONE, what);
}

/* ---- map ---- */

/* Another part's references on a frame that is held already. */
static bool part_get(mfn_t frame, uint16_t owner, bool readonly)
{
    if (!frame_get(frame, owner))
        return false;
    if (readonly || !page_type_get(frame, PT_WRITABLE))
        return true;
    frame_put(frame);
    return false;
}

static void part_put(mfn_t frame, bool readonly)
{
    if (!readonly)
        page_writable_put(frame);
    frame_put(frame);
}

/* References for both parts, and the entry of a host mapping. */
static int map_parts(const struct gnttab_map_grant_ref *op, const struct grant_use *use)
{
    bool ro = op->flags & GNTMAP_readonly, device = op->flags & GNTMAP_device_map;
    uint16_t owner = use->granter->id;
    int status;

    if (device && !part_get(use->frame, owner, ro))
        return GNTST_general_error;
    if (!(op->flags & GNTMAP_host_map))
        return GNTST_okay;
    if (part_get(use->frame, owner, ro)) {
        status = grant_pte_create(op->host_addr, use->frame, op->flags);
        if (!status)
            return GNTST_okay;
        part_put(use->frame, ro);
    }
    if (device)
        part_put(use->frame, ro);
    return GNTST_general_error;
}

static int map_pinned(struct gnttab_map_grant_ref *op, struct grant_use *use)
{
    int status = grant_pin(use);

    if (status)
        return status;
    status = map_parts(op, use);
    if (status)
        grant_unpin(use->granter, use->ref, use->pins);
    else
        op->dev_bus_addr = mfn_to_ma(use->frame);
    frame_put(use->frame); /* the pin's own: the parts have theirs */
    return status;
}

static int map_one(struct gnttab_map_grant_ref *op)
{
    struct domain *d = domain_current();
    struct grant_use use = { .granter = gnttab_domain(op->dom),
                             .ref = op->ref,
                             .domid = d->id,
                             .pins = grant_pins(op->flags, op->flags) };
    uint32_t handle;
    int status;

    if (!(op->flags & PARTS))
        return map_rule(GNTST_bad_gntref, "neither-host-nor-device", op->flags);
    if (!use.granter)
        return map_rule(GNTST_bad_domain, "domain-unknown", op->dom);
    handle = grant_handle_take(d->gnttab);
    if (handle == GNTTAB_NO_HANDLE)
        return map_rule(GNTST_no_space, "no-handle", 0);
    status = map_pinned(op, &use);
    if (status) {
        grant_handle_return(d->gnttab, handle);
        return status;
    }
    grant_handle_set(d->gnttab, handle, op->dom, op->ref, (uint16_t)op->flags);
    op->handle = handle;
    return GNTST_okay;
}

long grant_map(uint64_t va, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, va += sizeof(struct gnttab_map_grant_ref)) {
        struct gnttab_map_grant_ref op;

        if (i && hook_preempt())
            return i;
        if (guest_read(&op, va, sizeof(op)))
            return -EFAULT;
        op.status = (int16_t)grant_refused("grant_table_op map_grant_ref", i, map_one(&op));
        if (guest_write(va, &op, sizeof(op)))
            return -EFAULT;
    }
    return count;
}

/* ---- unmap ---- */

struct unmap {
    uint64_t host_addr, new_addr, dev_bus_addr; /* 0: not this part, no replacement */
    uint32_t handle;
    /* What is to be given back after the flush. */
    uint32_t ended; /* GNTMAP_*: parts, and whether they were read-only */
    uint32_t ref;
    struct domain *granter;
    mfn_t frame;
    bool last; /* nothing is left of the handle */
};

/* The parts that are asked for and there, of a live handle. handles_lock is held. */
static int unmap_parts(struct unmap *u, struct grant_handle *h)
{
    uint32_t parts = (u->host_addr ? h->flags & GNTMAP_host_map : 0) |
                     (u->dev_bus_addr ? h->flags & GNTMAP_device_map : 0);
    int status = GNTST_okay;

    if ((parts & GNTMAP_device_map) && u->dev_bus_addr != mfn_to_ma(u->frame))
        return map_rule(GNTST_bad_dev_addr, "device-address-is-another", u->dev_bus_addr);
    if (parts & GNTMAP_host_map)
        status = grant_pte_remove(u->host_addr, u->frame, h->flags, u->new_addr);
    if (status)
        return status;
    u->ended = parts ? parts | (h->flags & GNTMAP_readonly) : 0;
    u->ref = h->ref;
    u->last = !(h->flags & PARTS & ~parts);
    if (!u->last) /* it stays live, with the part that is left */
        h->flags &= (uint16_t)~parts;
    return GNTST_okay;
}

static int unmap_handle(struct unmap *u, struct gnttab *gt)
{
    struct grant_handle *h = grant_handle_find(gt, u->handle);
    int status;

    if (!h)
        return map_rule(GNTST_bad_handle, "handle-not-live", u->handle);
    u->granter = gnttab_domain(h->domid);
    u->frame = gnttab_active(u->granter->gnttab, h->ref)->frame;
    status = unmap_parts(u, h);
    if (!status && u->last)
        grant_handle_free(gt, u->handle);
    return status;
}

static int unmap_one(struct unmap *u)
{
    struct gnttab *gt = domain_current()->gnttab;
    int status;

    spin_lock(&gt->handles_lock);
    status = unmap_handle(u, gt);
    spin_unlock(&gt->handles_lock);
    return status;
}

/* After the flush: nobody reaches the frame by these parts any more. */
static void unmap_end(const struct unmap *u)
{
    bool ro = u->ended & GNTMAP_readonly;

    if (!u->ended)
        return;
    if (u->ended & GNTMAP_device_map)
        part_put(u->frame, ro);
    if (u->ended & GNTMAP_host_map)
        part_put(u->frame, ro);
    grant_unpin(u->granter, u->ref, grant_pins(u->ended, u->ended));
}

typedef int unmap_read_fn(struct unmap *u, uint64_t va);

static int read_unmap(struct unmap *u, uint64_t va)
{
    struct gnttab_unmap_grant_ref op;

    if (guest_read(&op, va, sizeof(op)))
        return -EFAULT;
    *u = (struct unmap){ .host_addr = op.host_addr,
                         .dev_bus_addr = op.dev_bus_addr,
                         .handle = op.handle };
    return 0;
}

static int read_replace(struct unmap *u, uint64_t va)
{
    struct gnttab_unmap_and_replace op;

    if (guest_read(&op, va, sizeof(op)))
        return -EFAULT;
    *u = (struct unmap){ .host_addr = op.host_addr, .new_addr = op.new_addr, .handle = op.handle };
    return 0;
}

static const struct unmap_kind {
    const char *name;
    unmap_read_fn *read;
    uint32_t bytes, status; /* size of a request, and where its status is */
} kind_unmap = { "grant_table_op unmap_grant_ref", read_unmap,
                 sizeof(struct gnttab_unmap_grant_ref),
                 offsetof(struct gnttab_unmap_grant_ref, status) },
  kind_replace = { "grant_table_op unmap_and_replace", read_replace,
                   sizeof(struct gnttab_unmap_and_replace),
                   offsetof(struct gnttab_unmap_and_replace, status) };

/* Requests [first, first + n) with one flush for all. 0 or -EFAULT. */
static long unmap_some(const struct unmap_kind *kind, uint64_t va, uint32_t first, uint32_t n)
{
    struct unmap done[UNMAP_BATCH];
    uint32_t i;
    long rc = 0;

    for (i = 0; i < n && !rc; i++) {
        uint64_t at = va + (uint64_t)(first + i) * kind->bytes;
        int16_t status;

        rc = kind->read(&done[i], at);
        if (rc)
            break;
        status = (int16_t)grant_refused(kind->name, first + i, unmap_one(&done[i]));
        rc = guest_write(at + kind->status, &status, sizeof(status));
    }
    tlb_flush_all();
    while (i--)
        unmap_end(&done[i]);
    return rc;
}

static long unmap_batch(const struct unmap_kind *kind, uint64_t va, uint32_t count)
{
    for (uint32_t i = 0; i < count;) {
        uint32_t n = count - i < UNMAP_BATCH ? count - i : UNMAP_BATCH;
        long rc = unmap_some(kind, va, i, n);

        if (rc)
            return rc;
        i += n;
        if (i < count && hook_preempt())
            return i;
    }
    return count;
}

long grant_unmap(uint64_t va, uint32_t count)
{
    return unmap_batch(&kind_unmap, va, count);
}

long grant_unmap_and_replace(uint64_t va, uint32_t count)
{
    return unmap_batch(&kind_replace, va, count);
}
