/* SPDX-License-Identifier: MIT */
/*
 * The type state machine of a frame (invariants 2, 3, 4 and 6 of docs/architecture.md).
 *
 *            get, other or no type, count 0                      validated
 *   idle ------------------------------------> locked -------------------------> in use (count >= 1)
 *    ^                                          |  ^                                 |
 *    |            refused, or preempted         v  | get again: resume               | last put of a table
 *    +--------------------------------------- partial <------------------------------+
 *                 demotion done                    demotion is cut into pieces
 *
 * partial: count 1 and one general reference belong to the frame itself; entries [0,next) hold
 * references, the others do not; the frame named by entry `next` may be partial in turn. Promotion
 * counts next up, demotion counts it down, so a partial frame can be resumed either way by anybody.
 *
 * Order at promotion (hazards P6, P7): win the type, flush what may still write, read each entry
 * once, validate, publish.
 */
#ifndef HV_PT_PAGE_TYPE_H
#define HV_PT_PAGE_TYPE_H

#include <stdbool.h>

#include "hooks.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/frame.h"
#include "mm/refusal.h"
#include "mm/tlb.h"

enum page_type {
    PT_NONE = 0,
    PT_L1 = 1,
    PT_L2 = 2,
    PT_L3 = 3,
    PT_L4 = 4,
    PT_SEG = 5, /* segment descriptors: GDT or LDT page */
    PT_WRITABLE = 7,
};

static inline enum page_type frame_type(mfn_t mfn)
{
    return (enum page_type)((frame_of(mfn)->type & FRAME_TYPE_MASK) >> FRAME_TYPE_SHIFT);
}

static inline uint32_t frame_type_refs(mfn_t mfn)
{
    return (uint32_t)(frame_of(mfn)->type & FRAME_TYPE_COUNT);
}

/*
 * Cleanup that a preempted or refused operation has left: a partial frame whose demotion is to be
 * finished before the vCPU executes guest code. One per vCPU, reached by this_cpu()->pt_work.
 * Holds one general reference on the frame, besides the frame's own.
 */
struct pt_work {
    bool used;
    mfn_t mfn;
};

/*
 * The short half of a type reference: a frame that is writable already, or was last, or a table
 * that is validated. Nothing is to be flushed or looked at and only the count changes. In one try,
 * without a call; false: declined, nothing changed. A writable word in use is the type, the
 * validated flag and the count, nothing else.
 */
static inline __attribute__((always_inline)) bool writable_get_short(struct frame *f)
{
    const uint32_t state = (FRAME_TYPE_MASK | FRAME_LOCKED) >> 32;
    uint64_t old = atomic_read(&f->type);
    uint64_t new = (uint64_t)PT_WRITABLE << FRAME_TYPE_SHIFT | FRAME_VALIDATED |
                   ((old + 1) & FRAME_TYPE_COUNT);

    hook_shared_access();
    return __builtin_expect(
               ((uint32_t)(old >> 32) & state) == PT_WRITABLE << (FRAME_TYPE_SHIFT - 32), 1) &&
           __builtin_expect((uint32_t)old != (uint32_t)FRAME_TYPE_MAX, 1) &&
           __builtin_expect(atomic_swap_if(&f->type, old, new), 1);
}

static inline __attribute__((always_inline)) bool table_get_short(struct frame *f,
                                                                  enum page_type type)
{
    const uint32_t state = (FRAME_TYPE_MASK | FRAME_VALIDATED) >> 32;
    uint64_t old = atomic_read(&f->type);

    hook_shared_access();
    return __builtin_expect(((uint32_t)(old >> 32) & state) ==
                                ((uint32_t)type << (FRAME_TYPE_SHIFT - 32) | FRAME_VALIDATED >> 32),
                            1) &&
           __builtin_expect((uint32_t)old != (uint32_t)FRAME_TYPE_MAX, 1) &&
           __builtin_expect(atomic_swap_if(&f->type, old, old + 1), 1);
}

/* Gives one back. Idle, the word keeps the type's value, dated. */
static inline __attribute__((always_inline)) bool writable_put_short(struct frame *f)
{
    uint64_t old = atomic_read(&f->type), new = old - 1;

    if (__builtin_expect(!(uint32_t)old, 0))
        return false;
    if ((uint32_t)old == 1)
        new = (uint64_t)PT_WRITABLE << FRAME_TYPE_SHIFT | (uint64_t)tlb_epoch() << FRAME_NEXT_SHIFT;
    hook_shared_access();
    return __builtin_expect(atomic_swap_if(&f->type, old, new), 1);
}

/* page_type.c: page_type_get() for every other case. */
int page_type_get_slow(mfn_t mfn, enum page_type type);

/*
 * Takes a type reference (not a general one: the caller holds one) and promotes the frame if its
 * count was zero. Results:
 *   0          one type reference taken
 *   -EINVAL    has another type, or an entry is not valid at this level
 *   -EBUSY, -EPERM   as pte_check.h, from an L1 entry
 *   -ERESTART  preempted: the frame is partial, no reference was given; ask again to resume
 * After an error other than -ERESTART the caller must pt_work_drain() before the guest runs.
 */
static inline int page_type_get(mfn_t mfn, enum page_type type)
{
    struct frame *f = frame_of(mfn);

    if (hook_fail())
        return refuse(-EINVAL, "injected", mfn, 0);
    if (type == PT_WRITABLE ? writable_get_short(f) : type != PT_SEG && table_get_short(f, type))
        return 0;
    return page_type_get_slow(mfn, type);
}

/*
 * Drops a type reference. With the last one a table is demoted; if that is preempted the rest is
 * left in this_cpu()->pt_work: pt_work_drain() before the guest runs. May sleep in drain.
 */
void page_type_put(mfn_t mfn);

/* The same for a reference that is known to be a writable one. */
static inline void page_writable_put(mfn_t mfn)
{
    if (!writable_put_short(frame_of(mfn)))
        page_type_put(mfn);
}

/* General and type reference together. Errors of both; -EINVAL if mfn does not belong to owner. */
int page_get_typed(mfn_t mfn, uint16_t owner, enum page_type type);
void page_put_typed(mfn_t mfn);

/*
 * page_get_typed() for a table that is validated already, without a call. False: declined, nothing
 * taken; ask page_get_typed(). For callers whom hook_fast() lets.
 */
static inline bool page_get_typed_short(mfn_t mfn, uint16_t owner, enum page_type type)
{
    if (__builtin_expect(!frame_get_short(mfn, owner), 0))
        return false;
    if (__builtin_expect(table_get_short(frame_of(mfn), type), 1))
        return true;
    frame_put(mfn);
    return false;
}

/*
 * page_put_typed() where neither reference is the last one, without a call. False: declined, nothing
 * dropped.
 */
static inline bool page_put_typed_short(mfn_t mfn)
{
    struct frame *f = frame_of(mfn);
    uint64_t word = atomic_read(&f->type);

    hook_shared_access();
    if (__builtin_expect((uint32_t)word <= 1, 0) ||
        __builtin_expect(!atomic_swap_if(&f->type, word, word - 1), 0))
        return false;
    frame_put(mfn);
    return true;
}

/* Finishes pending cleanup, letting other vCPUs run between the pieces. */
void pt_work_drain(void);

/* One piece of pending cleanup: true when nothing is left, false when preempted. */
bool pt_work_step(void);

/*
 * Locks a validated table for a change of one entry: true if mfn has this type, is validated and
 * is now locked by us. A locked table keeps its last type reference, hence its owner: a caller who
 * found it by a walk needs no reference of its own, but looks at the owner after locking.
 */
static inline bool page_type_lock(mfn_t mfn, enum page_type type)
{
    const uint64_t want = (uint64_t)type << FRAME_TYPE_SHIFT | FRAME_VALIDATED;
    uint64_t *word = &frame_of(mfn)->type, old = __atomic_load_n(word, __ATOMIC_RELAXED);

    for (;;) {
        hook_shared_access();
        if (__builtin_expect((old & (FRAME_TYPE_MASK | FRAME_VALIDATED)) != want, 0))
            return false;
        if (__builtin_expect(old & FRAME_LOCKED, 0)) {
            __builtin_ia32_pause();
            old = __atomic_load_n(word, __ATOMIC_RELAXED);
        } else if (__atomic_compare_exchange_n(word, &old, old | FRAME_LOCKED, false,
                                               __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            return true;
        }
    }
}

/* The flag alone is cleared, in its byte: one instruction, whatever else the word holds. */
static inline void frame_type_unlock(struct frame *f)
{
    atomic_and8((uint8_t *)&f->type + FRAME_LOCKED_BIT / 8,
                (uint8_t) ~(1u << FRAME_LOCKED_BIT % 8));
}

static inline void page_type_unlock(mfn_t mfn)
{
    hook_shared_access();
    frame_type_unlock(frame_of(mfn));
}

/* The hypervisor's slots of an L4, which are not the guest's. */
static inline bool slot_is_hv(unsigned level, unsigned slot)
{
    return level == PT_L4 && slot >= PT_HV_SLOT_FIRST && slot <= PT_HV_SLOT_LAST;
}

/* Checks descriptors of a page that becomes PT_SEG; pt/descriptor.c. 0 or -EINVAL. */
int seg_page_validate(mfn_t mfn);

#endif
