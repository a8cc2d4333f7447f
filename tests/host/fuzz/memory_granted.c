/* SPDX-License-Identifier: MIT */
/*
 * What comes of a grant request in a memory program: its status, what the mapper was given, and that a
 * request which was refused has left every entry and handle as it was.
 */
#include "memory_requests.h"

#include <string.h>

#include "dom/gnttab.h"

/* The single request in the window's beginning: its status, 0 or negative. */
static int16_t status_at(size_t offset)
{
    int16_t status;

    memcpy(&status, window() + offset, sizeof(status));
    return status;
}

/* What the mapper was given: the word in the table, marked, allows it. */
static void mapped_right(const struct gnttab_map_grant_ref *m)
{
    const struct grant_handle *h = grant_handle_find(domain_current()->gnttab, m->handle);
    const struct domain *granter = gnttab_domain(m->dom);
    bool ro = m->flags & GNTMAP_readonly;
    uint64_t word;

    fuzz_assert(h && h->domid == m->dom && h->ref == m->ref && granter);
    word = *gnttab_shared(granter->gnttab, m->ref);
    fuzz_assert(gnttab_active(granter->gnttab, m->ref)->domid == domain_current()->id);
    fuzz_assert(m->dev_bus_addr == mfn_to_ma(gnttab_active(granter->gnttab, m->ref)->frame));
    if (gnttab_active(granter->gnttab, m->ref)->pins != grant_pins(m->flags, m->flags))
        return; /* in use before: the guest may have written anything since */
    fuzz_assert((word & GTF_type_mask) == GTF_permit_access && (word & GTF_reading));
    fuzz_assert((uint16_t)(word >> 16) == domain_current()->id);
    fuzz_assert(word >> 32 == m->dev_bus_addr >> PAGE_SHIFT);
    fuzz_assert(ro || (!(word & GTF_readonly) && (word & GTF_writing)));
}

long grant_map_done(const struct op *op, bool simple)
{
    struct gnttab_map_grant_ref m;

    for (unsigned n = 0; n < AT_REQUESTS / sizeof(m); n++) {
        memcpy(&m, window() + n * sizeof(m), sizeof(m));
        if (m.status == GNTST_okay && grant_handle_find(domain_current()->gnttab, m.handle))
            grant_remember(&m);
        if (!(op->mode & OP_JOIN))
            break;
    }
    memcpy(&m, window(), sizeof(m));
    if (simple && m.status == GNTST_okay)
        mapped_right(&m);
    return status_at(offsetof(struct gnttab_map_grant_ref, status));
}

long grant_unmap_done(void)
{
    return status_at(offsetof(struct gnttab_unmap_grant_ref, status));
}

long grant_replace_done(void)
{
    return status_at(offsetof(struct gnttab_unmap_and_replace, status));
}

long grant_copy_done(void)
{
    return status_at(offsetof(struct gnttab_copy, status));
}

/* ---- refused means unchanged ---- */

#define TABLES 2u /* frames of each table that are compared */
static struct {
    unsigned frames, in_use, handles;
    uint64_t shared[TABLES][GNTTAB_PER_FRAME];
    struct grant_active active[2 * TABLES][GNTTAB_ACTIVE];
} before[DOMAINS];

static unsigned tables_of(const struct gnttab *gt)
{
    return !gt ? 0 : gt->frames < TABLES ? gt->frames : TABLES;
}

void grants_keep(void)
{
    for (unsigned i = 0; i < DOMAINS; i++) {
        const struct gnttab *gt = domains[i].d.gnttab;

        before[i].frames = gt ? gt->frames : 0;
        before[i].in_use = gt ? gt->in_use : 0;
        before[i].handles = gt ? gt->handles : 0;
        for (unsigned n = 0; n < tables_of(gt); n++) {
            memcpy(before[i].shared[n], gt->shared[n], PAGE_SIZE);
            memcpy(before[i].active[2 * n], gt->active[2 * n], PAGE_SIZE);
            memcpy(before[i].active[2 * n + 1], gt->active[2 * n + 1], PAGE_SIZE);
        }
    }
}

/*
 * The marks are the hypervisor's: those that the guest itself had set may be gone, and those that it had
 * cleared of an entry in use may be back.
 */
static bool words_same(const uint64_t *old, const struct gnttab *gt, unsigned frame)
{
    const uint64_t *new = (const uint64_t *)gt->shared[frame], marks = GTF_reading | GTF_writing;

    if (!memcmp(old, new, PAGE_SIZE))
        return true;
    for (uint32_t i = 0; i < GNTTAB_PER_FRAME; i++) {
        bool in_use = gnttab_active(gt, frame * GNTTAB_PER_FRAME + i)->pins;

        if ((old[i] ^ new[i]) & ~(in_use ? marks : old[i] & marks))
            return false;
    }
    return true;
}

static bool page_same(const void *old, const void *new)
{
    return !memcmp(old, new, PAGE_SIZE);
}

void grants_same(void)
{
    for (unsigned i = 0; i < DOMAINS; i++) {
        const struct gnttab *gt = domains[i].d.gnttab;

        fuzz_assert(before[i].frames == (gt ? gt->frames : 0));
        fuzz_assert(before[i].in_use == (gt ? gt->in_use : 0));
        fuzz_assert(before[i].handles == (gt ? gt->handles : 0));
        for (unsigned n = 0; n < tables_of(gt); n++)
            if (!words_same(before[i].shared[n], gt, n) ||
                !page_same(before[i].active[2 * n], gt->active[2 * n]) ||
                !page_same(before[i].active[2 * n + 1], gt->active[2 * n + 1]))
                fuzz_fail("refused, and an entry of d%u's grant table has changed",
                          domains[i].d.id);
    }
}
