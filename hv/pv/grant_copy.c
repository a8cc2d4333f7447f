/* SPDX-License-Identifier: MIT */
/*
 * GNTTABOP_copy: bytes from one frame to another, each named by a grant or the caller's own.
 *
 * Invariant: both frames are held for the time of the copy, the destination as writable, so that
 * neither is a page table nor changes hands (hazard G11). A failed request has copied nothing.
 */
#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "pt/page_type.h"
#include "pv/grant_op.h"

/* One side of a copy. */
struct side {
    struct grant_use use; /* of a frame of the caller's: only granter and frame */
    bool granted, writable;
};

static int copy_rule(int status, const char *rule)
{
    return refuse(status, rule, MFN_NONE, 0);
}

/* DOMID_SELF, or the number of any domain; a frame by its own number is the caller's. */
static int side_domain(struct side *s, domid_t id)
{
    s->use.granter = id == DOMID_SELF ? domain_current() : gnttab_domain(id);
    if (!s->use.granter)
        return copy_rule(GNTST_bad_domain, "domain-unknown");
    if (!s->granted && id != DOMID_SELF)
        return copy_rule(GNTST_permission_denied, "frame-number-of-another-domain");
    return GNTST_okay;
}

static void side_release(const struct side *s)
{
    if (s->granted)
        grant_unpin(s->use.granter, s->use.ref, s->use.pins);
    frame_put(s->use.frame);
}

/* Takes what the copy holds meanwhile: all of it, or nothing. */
static int side_take(struct side *s, uint64_t name)
{
    int status;

    s->use.domid = domain_current()->id;
    s->use.copy = true;
    s->use.pins = s->writable ? GRANT_HOST_WRITE : GRANT_HOST_READ;
    s->use.ref = (uint32_t)name;
    s->use.frame = (mfn_t){ name };
    if (s->granted) {
        status = grant_pin(&s->use);
        if (status)
            return status;
    } else if (!frame_get(s->use.frame, s->use.domid)) {
        return GNTST_bad_page;
    }
    if (!s->writable || !page_type_get(s->use.frame, PT_WRITABLE))
        return GNTST_okay;
    side_release(s);
    return GNTST_general_error;
}

static void side_end(const struct side *s)
{
    if (s->writable)
        page_writable_put(s->use.frame);
    side_release(s);
}

static int copy_bytes(const struct gnttab_copy *op, const struct side *from, const struct side *to)
{
    if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
        return copy_rule(GNTST_bad_copy_arg, "copy-beyond-page");
    memmove((char *)frame_va(to->use.frame) + op->dest.offset,
            (const char *)frame_va(from->use.frame) + op->source.offset, op->len);
    return GNTST_okay;
}

/* A reference is all that names a granted frame; only 32 bits of it are there. */
static uint64_t side_name(const struct gnttab_copy_ptr *p, bool granted)
{
    return granted ? p->u.ref : p->u.gmfn;
}

static int copy_one(const struct gnttab_copy *op)
{
    struct side from = { .granted = op->flags & GNTCOPY_source_gref };
    struct side to = { .granted = op->flags & GNTCOPY_dest_gref, .writable = true };
    int status = side_domain(&from, op->source.domid);

    if (!status)
        status = side_domain(&to, op->dest.domid);
    if (!status)
        status = side_take(&from, side_name(&op->source, from.granted));
    if (status)
        return status;
    status = side_take(&to, side_name(&op->dest, to.granted));
    if (!status) {
        status = copy_bytes(op, &from, &to);
        side_end(&to);
    }
    side_end(&from);
    return status;
}

long grant_copy(uint64_t va, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, va += sizeof(struct gnttab_copy)) {
        struct gnttab_copy op;

        if (i && hook_preempt())
            return i;
        if (guest_read(&op, va, sizeof(op)))
            return -EFAULT;
        op.status = (int16_t)grant_refused("grant_table_op copy", i, copy_one(&op));
        if (guest_write(va + offsetof(struct gnttab_copy, status), &op.status, sizeof(op.status)))
            return -EFAULT;
    }
    return count;
}
