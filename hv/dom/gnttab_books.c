/* SPDX-License-Identifier: MIT */
/*
 * What grant tables say in the audit (dom/books.c): the references that handles and tables hold, who
 * may map whose frames, and that pins and handles agree.
 *
 * Written from the rules of gnttab.h, without the code that keeps them. Changes nothing.
 */
#include "dom/domain.h"
#include "dom/gnttab.h"
#include "pt/audit.h"

#define PARTS (GNTMAP_device_map | GNTMAP_host_map)

/* Calls visit for every live handle of d's. */
static void handles_each(const struct domain *d,
                         void (*visit)(void *arg, const struct domain *d, uint32_t handle,
                                       const struct grant_handle *h),
                         void *arg)
{
    const struct gnttab *gt = d->gnttab;

    for (uint32_t n = 0; gt && n < gt->handle_pages * GNTTAB_HANDLES; n++) {
        const struct grant_handle *h = &gt->handle_page[n / GNTTAB_HANDLES][n % GNTTAB_HANDLES];

        if (h->flags)
            visit(arg, d, n, h);
    }
}

/* The entry that a handle names, 0 if there is none. */
static const struct grant_active *handle_entry(const struct domain *d, const struct grant_handle *h)
{
    const struct domain *granter = h->domid == d->id ? d : gnttab_domain(h->domid);

    return granter && granter->gnttab ? gnttab_active(granter->gnttab, h->ref) : 0;
}

/* ---- references ---- */

struct holding {
    audit_visit_fn *visit;
    void *arg;
};

static void hold_device(void *arg, const struct domain *d, uint32_t handle,
                        const struct grant_handle *h)
{
    const struct grant_active *act = handle_entry(d, h);
    const struct holding *to = arg;

    (void)handle;
    if (act && (h->flags & GNTMAP_device_map))
        to->visit(to->arg, &(struct audit_ref){ act->frame,
                                                h->flags & GNTMAP_readonly ? PT_NONE : PT_WRITABLE,
                                                "device mapping" });
}

void gnttab_holds(const struct domain *d, audit_visit_fn *visit, void *arg)
{
    struct holding to = { visit, arg };

    for (unsigned i = 0; d->gnttab && i < d->gnttab->frames; i++)
        visit(arg,
              &(struct audit_ref){ frame_of_va(d->gnttab->shared[i]), PT_WRITABLE, "grant table" });
    handles_each(d, hold_device, &to);
}

/* ---- pins against handles ---- */

struct census {
    struct audit *a;
    uint64_t handles; /* sum of the marks of handles less those of pins */
    const struct domain *granter;
    uint32_t ref, pins; /* when one entry is counted: what handles say */
    unsigned live;
};

static uint64_t mark(uint64_t granter, uint64_t ref, uint64_t domid)
{
    uint64_t x = (granter << 48 | domid << 32 | ref) * 0x9e3779b97f4a7c15;

    return (x ^ x >> 32) | 1;
}

static void handle_check(void *arg, const struct domain *d, uint32_t handle,
                         const struct grant_handle *h)
{
    struct census *c = arg;

    c->live++;
    if (!(h->flags & PARTS) || !handle_entry(d, h)) {
        audit_differs(c->a, "grants", "handle", AUDIT_AT(handle), "flags or reference", h->flags,
                      0);
        return;
    }
    c->handles += grant_pins(h->flags & PARTS, h->flags) * mark(h->domid, h->ref, d->id);
}

static void handle_count(void *arg, const struct domain *d, uint32_t handle,
                         const struct grant_handle *h)
{
    struct census *c = arg;

    (void)handle;
    if (h->domid == c->granter->id && h->ref == c->ref &&
        gnttab_active(c->granter->gnttab, c->ref)->domid == d->id)
        c->pins += grant_pins(h->flags & PARTS, h->flags);
}

/* The pins of all entries; with `found`, entry by entry, those that no handles account for. */
static void entries_check(struct census *c, const struct domain *first, bool found)
{
    const struct gnttab *gt = c->granter->gnttab;
    unsigned in_use = 0;

    for (uint32_t ref = 0; gt && ref < gt->frames * GNTTAB_PER_FRAME; ref++) {
        const struct grant_active *act = gnttab_active(gt, ref);

        if (!act->pins && !found)
            continue;
        in_use += act->pins != 0;
        c->handles -= act->pins * mark(c->granter->id, ref, act->domid);
        if (!found)
            continue;
        c->ref = ref;
        c->pins = 0;
        for (const struct domain *d = first; d; d = d->next)
            handles_each(d, handle_count, c);
        if (c->pins != act->pins)
            audit_differs(c->a, "grants", "entry", AUDIT_AT(ref), "pins", act->pins, c->pins);
    }
    if (gt && gt->in_use != in_use)
        audit_differs(c->a, "grants", "domain", AUDIT_AT(c->granter->id), "entries in use",
                      gt->in_use, in_use);
}

static void table_check(struct audit *a, const struct domain *d)
{
    for (unsigned i = 0; d->gnttab && i < d->gnttab->frames; i++) {
        mfn_t mfn = frame_of_va(d->gnttab->shared[i]);

        if (frame_owner(mfn) != d->id || !(frame_of(mfn)->ref & FRAME_HV_SHARED))
            audit_differs(a, "grants", "table", AUDIT_SLOT(mfn.n, i), "owner", frame_owner(mfn),
                          d->id);
    }
}

void gnttab_audit(struct audit *a, const struct domain *first)
{
    struct census c = { .a = a };

    for (const struct domain *d = first; d; d = d->next) {
        c.live = 0;
        handles_each(d, handle_check, &c);
        if (d->gnttab && d->gnttab->handles != c.live)
            audit_differs(a, "grants", "domain", AUDIT_AT(d->id), "live handles",
                          d->gnttab->handles, c.live);
        table_check(a, d);
        c.granter = d;
        entries_check(&c, first, false);
    }
    for (const struct domain *d = c.handles ? first : 0; d; d = d->next) {
        c.granter = d;
        entries_check(&c, first, true);
    }
}

bool gnttab_may_map(uint16_t table_owner, mfn_t frame, bool writable)
{
    const struct domain *d = gnttab_domain(table_owner);
    const struct domain *granter = gnttab_domain(frame_owner(frame));

    return d && granter && (d->initial || grant_used(granter, table_owner, frame, writable));
}
