/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: how a table comes, grows and goes; see gnttab.h.
 *
 * A shared frame is typed writable for as long as the table is there, so that its guest cannot make a
 * page table of what the hypervisor writes to.
 */
#include "dom/gnttab.h"

#include "dom/domain.h"
#include "hooks.h"
#include "lib/printk.h"
#include "mm/m2p.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"
#include "pt/page_type.h"

unsigned gnttab_frames_limit = GNTTAB_FRAMES_DEFAULT;

static void page_give_back(void *page)
{
    if (page)
        page_free(frame_of_va(page), 0);
}

static void shared_release(mfn_t mfn)
{
    page_put_typed(mfn);
    (void)frame_release(mfn);
}

static grant_entry_v1_t *shared_create(struct domain *d)
{
    grant_entry_v1_t *page = page_alloc_zeroed();
    mfn_t mfn;

    if (!page)
        return 0;
    mfn = frame_of_va(page);
    frame_assign(mfn, d->id, FRAME_HV_SHARED);
    m2p_set(mfn, M2P_INVALID);
    if (!page_get_typed(mfn, d->id, PT_WRITABLE))
        return page;
    (void)frame_release(mfn);
    return 0;
}

/* Frame n, with the active entries to it: not part of the table yet. */
static bool frame_add(struct domain *d, unsigned n)
{
    struct gnttab *gt = d->gnttab;
    struct grant_active *low = page_alloc_zeroed(), *high = page_alloc_zeroed();
    grant_entry_v1_t *shared = low && high ? shared_create(d) : 0;

    if (!shared) {
        page_give_back(low);
        page_give_back(high);
        return false;
    }
    gt->shared[n] = shared;
    gt->active[n * 2] = low;
    gt->active[n * 2 + 1] = high;
    return true;
}

/* And no longer. */
static void frame_remove(struct gnttab *gt, unsigned n)
{
    shared_release(frame_of_va(gt->shared[n]));
    page_give_back(gt->active[n * 2]);
    page_give_back(gt->active[n * 2 + 1]);
    gt->shared[n] = 0;
    gt->active[n * 2] = gt->active[n * 2 + 1] = 0;
}

/* One at a time; and nobody uses what will not stay. */
bool gnttab_grow(struct domain *d, unsigned frames)
{
    struct gnttab *gt = d->gnttab;
    unsigned n;
    bool done;

    ASSERT(frames <= GNTTAB_FRAMES_MAX);
    spin_lock(&gt->growing);
    n = gt->frames;
    while (n < frames && frame_add(d, n))
        n++;
    done = n >= frames;
    while (!done && n > gt->frames)
        frame_remove(gt, --n);
    spin_lock(&gt->lock);
    gt->frames = n;
    spin_unlock(&gt->lock);
    spin_unlock(&gt->growing);
    return done;
}

bool gnttab_create(struct domain *d)
{
    d->gnttab = page_alloc_zeroed();
    if (!d->gnttab)
        return false;
    d->gnttab->handle_first = d->gnttab->handle_last = GNTTAB_NO_HANDLE;
    if (gnttab_grow(d, 1))
        return true;
    gnttab_destroy(d);
    return false;
}

void gnttab_reserve(struct domain *d, uint32_t ref, uint16_t domid, mfn_t frame)
{
    ASSERT(ref < GNTTAB_NR_RESERVED_ENTRIES);
    d->gnttab->shared[0][ref] = (grant_entry_v1_t){ .flags = GTF_permit_access,
                                                    .domid = domid,
                                                    .frame = (uint32_t)frame.n };
}

/* The references that go with a live handle itself. */
static void handle_drop(const struct domain *granter, const struct grant_handle *h)
{
    mfn_t frame = gnttab_active(granter->gnttab, h->ref)->frame;

    if (!(h->flags & GNTMAP_device_map))
        return;
    if (h->flags & GNTMAP_readonly)
        frame_put(frame);
    else
        page_put_typed(frame);
}

/* Ends one mapping of d's. */
static void handle_end(struct domain *d, struct grant_handle *h)
{
    struct domain *granter = h->domid == d->id ? d : gnttab_domain(h->domid);
    uint32_t pins = grant_pins(h->flags, h->flags);

    ASSERT(granter); /* an entry in use keeps its domain */
    handle_drop(granter, h);
    h->flags = 0;
    d->gnttab->handles--;
    grant_unpin(granter, h->ref, pins);
}

/* No CPU has d's mappings in its TLB when others are told that their frames are theirs again. */
bool gnttab_unmap_all(struct domain *d)
{
    struct gnttab *gt = d->gnttab;

    if (!gt || !gt->handle_pages)
        return true;
    tlb_flush_all();
    gt->handle_first = gt->handle_last = GNTTAB_NO_HANDLE;
    gt->handle_pages--;
    for (uint32_t i = 0; i < GNTTAB_HANDLES; i++) {
        struct grant_handle *h = &gt->handle_page[gt->handle_pages][i];

        if (h->flags)
            handle_end(d, h);
    }
    page_give_back(gt->handle_page[gt->handle_pages]);
    return !gt->handle_pages;
}

bool gnttab_idle(const struct domain *d)
{
    return !d->gnttab || !d->gnttab->in_use;
}

void gnttab_destroy(struct domain *d)
{
    struct gnttab *gt = d->gnttab;

    if (!gt)
        return;
    ASSERT(!gt->in_use && !gt->handles);
    while (gt->handle_pages)
        page_give_back(gt->handle_page[--gt->handle_pages]);
    page_give_back(gt->handle_page);
    while (gt->frames)
        frame_remove(gt, --gt->frames);
    d->gnttab = 0;
    page_give_back(gt);
}

struct domain *gnttab_domain(uint16_t domid)
{
    struct domain *d = domain_list;

    while (d && d->id != domid)
        d = d->next;
    return d;
}
