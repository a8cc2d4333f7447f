/* SPDX-License-Identifier: MIT */
/*
 * General references on frames: taken under a check of the owner, dropped by anybody who holds one,
 * and the way of a frame back to the allocator with the last of them.
 *
 * Invariant: owner and count change together, in one compare-and-exchange, so that a reference is
 * never given on a frame that has just changed hands (hazards P13, P15).
 */
#include "mm/frame.h"

#include "hooks.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/m2p.h"
#include "mm/owner.h"
#include "mm/page_alloc.h"
#include "mm/refusal.h"
#include "mm/tlb.h"

uint64_t frame_limit;
uint64_t frame_ram_pages;
mfn_t firmware_blank;

static bool ref_swap(struct frame *f, uint64_t *old, uint64_t new)
{
    hook_shared_access();
    return __atomic_compare_exchange_n(&f->ref, old, new, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

bool frame_get_refused(mfn_t mfn, uint16_t owner)
{
    uint64_t ref = frame_valid(mfn) ? frame_of(mfn)->ref : 0;
    const char *rule = "injected";

    if (!frame_valid(mfn))
        rule = "frame-beyond-memory";
    else if ((uint16_t)(ref >> FRAME_OWNER_SHIFT) != owner)
        rule = "frame-not-owned";
    else if (!(ref & FRAME_REF_COUNT))
        rule = "frame-free";
    else if (!frame_ref_gettable(ref, owner))
        rule = "reference-count-full";
    refuse(-EINVAL, rule, mfn, 0);
    return false;
}

bool frame_get_to_give_back(mfn_t mfn, uint16_t owner)
{
    if (!frame_valid(mfn) || hook_fail())
        return frame_get_refused(mfn, owner);
    return frame_get_to_undo(mfn, owner);
}

bool frame_get_to_undo(mfn_t mfn, uint16_t owner)
{
    uint64_t old = __atomic_load_n(&frame_of(mfn)->ref, __ATOMIC_RELAXED);

    do {
        if ((uint16_t)(old >> FRAME_OWNER_SHIFT) != owner ||
            (old & FRAME_REF_COUNT) - 1 >= FRAME_REF_MAX - FRAME_REF_RESERVE / 2 - 1)
            return frame_get_refused(mfn, owner);
    } while (!ref_swap(frame_of(mfn), &old, old + 1));
    return true;
}

void frame_get_again(mfn_t mfn)
{
    struct frame *f = frame_of(mfn);
    uint64_t old = __atomic_load_n(&f->ref, __ATOMIC_RELAXED);

    do {
        ASSERT((old & FRAME_REF_COUNT) && (old & FRAME_REF_COUNT) < FRAME_REF_MAX);
    } while (!ref_swap(f, &old, old + 1));
}

/*
 * The last reference has gone: nothing names the frame but stale TLB entries. page_free() dates
 * them.
 */
void frame_put_last(mfn_t mfn, uint64_t before)
{
    ASSERT((before & FRAME_REF_COUNT) && !(before & FRAME_ALLOCATED));
    ASSERT(!(frame_of(mfn)->type & FRAME_TYPE_COUNT));
    m2p_set(mfn, M2P_INVALID);
    page_free(mfn, 0);
    owner_page_gone((uint16_t)(before >> FRAME_OWNER_SHIFT), before & FRAME_HV_SHARED);
}

void frame_assign(mfn_t mfn, uint16_t owner, uint64_t flags)
{
    struct frame *f = frame_of(mfn);

    f->type = 0;
    if (__builtin_expect(flags & FRAME_HV_SHARED, 0))
        owner_page_lent(owner);
    __atomic_store_n(&f->ref, ((uint64_t)owner << FRAME_OWNER_SHIFT) | FRAME_ALLOCATED | flags | 1,
                     __ATOMIC_RELEASE);
}

bool frame_release(mfn_t mfn)
{
    struct frame *f = frame_of(mfn);
    uint64_t old = __atomic_load_n(&f->ref, __ATOMIC_RELAXED);

    do {
        if (!(old & FRAME_ALLOCATED))
            return false;
    } while (!ref_swap(f, &old, old & ~FRAME_ALLOCATED));
    frame_put(mfn);
    return true;
}

void frame_flush_freed(mfn_t first, uint64_t count)
{
    uint64_t now = ((uint64_t)tlb_epoch() << FRAME_FREED_SHIFT) & FRAME_FREED_MASK;

    for (uint64_t i = 0; i < count; i++) {
        if ((frame_table[first.n + i].ref & FRAME_FREED_MASK) == now) {
            tlb_flush_all();
            return;
        }
    }
}
