/* SPDX-License-Identifier: MIT */
/*
 * Takes a dead domain's memory apart: first the references that are not entries of tables, then
 * pins, then what was left partial, then its handles of others' frames, then the allocation
 * references. Each step only drops counts, so the frames fall back to the allocator in whatever
 * order their last references go.
 *
 * Other vCPUs run in between: at every such point the books are right, of what is left of the domain.
 * Invariant on return: no frame names the domain as its owner but those that others refer to, which
 * are counted.
 * Caller: domain_destroy(), on the idle vCPU, with the domain's vCPUs stopped for good.
 */
#include "dom/teardown.h"

#include "dom/gnttab.h"
#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/printk.h"
#include "mm/tlb.h"
#include "pt/pin.h"
#include "pt/table.h"

#define PAUSE_FRAMES 512u

static void put_typed(mfn_t *mfn)
{
    if (!mfn_eq(*mfn, MFN_NONE))
        page_put_typed(*mfn);
    *mfn = MFN_NONE;
}

/* The vCPU no longer names its root when that is taken apart, which others may run in the middle of. */
static void root_drop(uint64_t *cr3)
{
    mfn_t root = ma_to_mfn(*cr3);

    if (!*cr3)
        return;
    *cr3 = 0;
    root_put(root);
    pt_work_drain();
}

/*
 * Cleanup that the vCPU has left goes on as the idle vCPU's own: whenever another vCPU runs in
 * between, it is the idle vCPU's that the CPU comes back to.
 */
static void vcpu_drop(struct vcpu *v)
{
    ASSERT(!this_cpu()->pt_work->used);
    *this_cpu()->pt_work = v->pt_work;
    v->pt_work.used = false;
    pt_work_drain();
    vcpu_descriptors_release(v);
    put_typed(&v->info_mfn);
    root_drop(&v->cr3_user);
    root_drop(&v->cr3_kernel);
}

static bool frame_is_of(mfn_t mfn, uint16_t id)
{
    return frame_refs(mfn) && frame_owner(mfn) == id;
}

/* Others run after so many frames at most. */
static void pause_at(mfn_t mfn)
{
    if (mfn.n % PAUSE_FRAMES == 0 && hook_preempt_now())
        hook_reschedule();
}

/* One pass over all RAM for each step; frames beyond the domain's own cost one load and compare. */
static void unpin_all(uint16_t id)
{
    for (mfn_t mfn = { 0 }; mfn.n < frame_limit; mfn.n++) {
        pause_at(mfn);
        if (frame_is_of(mfn, id) && (frame_of(mfn)->type & FRAME_PINNED)) {
            page_unpin(mfn, id);
            pt_work_drain();
        }
    }
}

static void demote_partial_all(uint16_t id)
{
    for (mfn_t mfn = { 0 }; mfn.n < frame_limit; mfn.n++) {
        pause_at(mfn);
        while (frame_is_of(mfn, id) && (frame_of(mfn)->type & FRAME_PARTIAL) &&
               !frame_demote_partial(mfn))
            hook_reschedule();
    }
}

static void release_all(struct domain *d)
{
    for (mfn_t mfn = { 0 }; mfn.n < frame_limit; mfn.n++) {
        pause_at(mfn);
        if (frame_is_of(mfn, d->id))
            owner_release(&d->owner, mfn);
    }
}

static uint32_t count_left(uint16_t id)
{
    uint32_t left = 0;

    for (mfn_t mfn = { 0 }; mfn.n < frame_limit; mfn.n++)
        left += frame_is_of(mfn, id);
    return left;
}

uint32_t teardown_memory(struct domain *d)
{
    for (unsigned i = 0; i < d->vcpus; i++)
        vcpu_drop(d->vcpu[i]);
    put_typed(&d->console_mfn);
    put_typed(&d->store_mfn);
    unpin_all(d->id);
    demote_partial_all(d->id);
    while (!gnttab_unmap_all(d)) /* its entries went with the tables */
        if (hook_preempt_now())
            hook_reschedule();
    if (gnttab_idle(d))
        gnttab_destroy(d);
    release_all(d);
    tlb_flush_all();
    return count_left(d->id);
}
