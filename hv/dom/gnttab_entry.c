/* SPDX-License-Identifier: MIT */
/*
 * Entries in use: pinned and unpinned; see gnttab.h.
 *
 * Invariant (hazard G4): the guest's word is read once, as a whole, and what was read is what the
 * marks were set on, by compare-and-exchange; afterwards only the active entry is asked. The marks
 * are taken off last (hazard G6): the granter may do as it likes with the frame from then on.
 */
#include "dom/domain.h"
#include "dom/gnttab.h"
#include "hooks.h"
#include "lib/atomic.h"
#include "lib/printk.h"
#include "mm/refusal.h"

/* So often may the guest change the word under our hands. */
#define TRIES 5u

#define ENTRY_DOMID(word) ((uint16_t)((word) >> 16))
#define ENTRY_FRAME(word) ((mfn_t){ (word) >> 32 })

static int refused_entry(int status, const char *rule, uint64_t word)
{
    return refuse(status, rule, ENTRY_FRAME(word), word);
}

static bool for_writing(uint32_t pins)
{
    return pins & GRANT_WRITERS;
}

/* Marks the entry as read, or read and written. *word: as it was before. */
static int entry_mark(const struct grant_use *u, const struct grant_active *act, uint64_t *word)
{
    uint64_t *shared = gnttab_shared(u->granter->gnttab, u->ref);
    uint64_t type = GTF_type_mask | (u->copy ? 0 : GTF_sub_page);
    uint64_t marks = GTF_reading | (for_writing(u->pins) ? GTF_writing : 0);

    for (unsigned tries = 0; tries < TRIES; tries++) {
        uint64_t old = hook_guest_read64(shared);

        if (!act->pins && ((old & type) != GTF_permit_access || ENTRY_DOMID(old) != u->domid))
            return refused_entry(GNTST_general_error, "entry-not-for-this-domain", old);
        if (for_writing(u->pins) && (old & GTF_readonly))
            return refused_entry(GNTST_general_error, "entry-read-only", old);
        hook_shared_access();
        *word = old;
        if (atomic_swap_if(shared, old, old | marks))
            return GNTST_okay;
    }
    return refused_entry(GNTST_general_error, "entry-unstable", 0);
}

/* Takes the marks off that the pins do not stand for, if `written`, also the one of writers. */
static void entry_unmark(const struct gnttab *gt, uint32_t ref, const struct grant_active *act,
                         bool written)
{
    uint16_t *flags = (uint16_t *)gnttab_shared(gt, ref), clear = 0;

    if (written && !for_writing(act->pins))
        clear |= GTF_writing;
    if (!act->pins)
        clear |= GTF_reading;
    if (!clear)
        return;
    __atomic_and_fetch(flags, (uint16_t)~clear, __ATOMIC_ACQ_REL);
    hook_shared_access(); /* whatever the granter waited for, it may do now */
}

/*
 * word: the entry as it was before it was marked, if it was. A copy that is the first to write
 * through an entry in use wants it to name the frame in use still. That frame may have changed
 * hands, if only copies used it.
 */
static int frame_take(struct grant_use *u, const struct grant_active *act, bool marked,
                      uint64_t word)
{
    bool named = marked && (u->copy || !act->pins);

    u->frame = named ? ENTRY_FRAME(word) : act->frame;
    if (!frame_get(u->frame, u->granter->id))
        return named ? GNTST_bad_page : u->copy ? GNTST_bad_domain : GNTST_general_error;
    if (!act->pins || mfn_eq(u->frame, act->frame))
        return GNTST_okay;
    frame_put(u->frame);
    return refused_entry(GNTST_general_error, "entry-names-another-frame-than-in-use", word);
}

static int entry_pin(struct grant_use *u, struct grant_active *act)
{
    bool mark = !act->pins || (for_writing(u->pins) && !for_writing(act->pins));
    uint64_t word = 0;
    int status;

    if (act->pins && (act->domid != u->domid || (act->pins & GRANT_FULL)))
        return refused_entry(GNTST_general_error, "entry-used-by-another-or-too-often", 0);
    if (mark) {
        status = entry_mark(u, act, &word);
        if (status)
            return status;
    }
    status = frame_take(u, act, mark, word);
    if (status) {
        entry_unmark(u->granter->gnttab, u->ref, act, for_writing(u->pins));
        return status;
    }
    if (!act->pins) {
        u->granter->gnttab->in_use++;
        act->domid = u->domid;
        act->frame = u->frame;
    }
    act->pins += u->pins;
    return GNTST_okay;
}

int grant_pin(struct grant_use *u)
{
    struct gnttab *gt = u->granter->gnttab;
    struct grant_active *act;
    int status;

    if (u->granter->owner.dying || !gt)
        return refuse(GNTST_bad_domain, "granter-is-dying", MFN_NONE, 0);
    spin_lock(&gt->lock);
    act = gnttab_active(gt, u->ref);
    status = act ? entry_pin(u, act)
                 : refuse(GNTST_bad_gntref, "reference-beyond-table", MFN_NONE, u->ref);
    spin_unlock(&gt->lock);
    return status;
}

void grant_unpin(struct domain *granter, uint32_t ref, uint32_t pins)
{
    struct gnttab *gt = granter->gnttab;
    struct grant_active *act;

    spin_lock(&gt->lock);
    act = gnttab_active(gt, ref);
    ASSERT(act && act->pins >= pins);
    act->pins -= pins;
    if (!act->pins) {
        gt->in_use--;
        *act = (struct grant_active){ 0 };
        owner_frames_gone |= granter->owner.dying; /* it may be what the dead was there for */
    }
    entry_unmark(gt, ref, act, for_writing(pins));
    spin_unlock(&gt->lock);
}

static int entries_swap(struct gnttab *gt, uint32_t a, uint32_t b)
{
    struct grant_active *of_a = gnttab_active(gt, a), *of_b = gnttab_active(gt, b);
    uint64_t word;

    if (!of_a || !of_b)
        return refuse(GNTST_bad_gntref, "reference-beyond-table", MFN_NONE, of_a ? b : a);
    if (a == b)
        return GNTST_okay;
    if (of_a->pins || of_b->pins)
        return refuse(GNTST_eagain, "entry-in-use", MFN_NONE, of_a->pins ? a : b);
    word = hook_guest_read64(gnttab_shared(gt, a));
    *(volatile uint64_t *)gnttab_shared(gt, a) = hook_guest_read64(gnttab_shared(gt, b));
    *(volatile uint64_t *)gnttab_shared(gt, b) = word;
    return GNTST_okay;
}

int grant_swap(struct domain *d, uint32_t a, uint32_t b)
{
    int status;

    spin_lock(&d->gnttab->lock);
    status = entries_swap(d->gnttab, a, b);
    spin_unlock(&d->gnttab->lock);
    return status;
}

bool grant_used(const struct domain *granter, uint16_t domid, mfn_t frame, bool writable)
{
    const struct gnttab *gt = granter->gnttab;

    for (uint32_t ref = 0; gt && gt->in_use && ref < gt->frames * GNTTAB_PER_FRAME; ref++) {
        const struct grant_active *act = gnttab_active(gt, ref);

        if (act->pins && act->domid == domid && mfn_eq(act->frame, frame) &&
            (!writable || for_writing(act->pins)))
            return true;
    }
    return false;
}
