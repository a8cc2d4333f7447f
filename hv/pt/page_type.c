/* SPDX-License-Identifier: MIT */
/*
 * Type references: winning a type, promotion, demotion, and the pieces they are cut into.
 * The state machine and its rules are drawn in page_type.h.
 *
 * Two properties keep the partial state simple:
 *  - `next` means the same in both directions: entries [0,next) hold references. Whoever finds a
 *    partial frame may carry it on upwards (promotion) or downwards (demotion).
 *  - A reference is never half owned: a partial frame owns its one type and one general reference
 *    itself, the slot of the parent that led to it owns none.
 */
#include "pt/page_type.h"

#include "hooks.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/refusal.h"
#include "mm/tlb.h"
#include "pt/table.h"

static uint64_t type_load(const struct frame *f)
{
    hook_shared_access();
    return __atomic_load_n(&f->type, __ATOMIC_ACQUIRE);
}

static bool type_swap(struct frame *f, uint64_t *old, uint64_t new)
{
    hook_shared_access();
    return __atomic_compare_exchange_n(&f->type, old, new, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

static void type_store(struct frame *f, uint64_t new)
{
    hook_shared_access();
    __atomic_store_n(&f->type, new, __ATOMIC_RELEASE);
}

static inline bool type_is_table(uint64_t type_word)
{
    unsigned type = (type_word & FRAME_TYPE_MASK) >> FRAME_TYPE_SHIFT;

    return type >= PT_L1 && type <= PT_L4;
}

static inline unsigned type_next(uint64_t type_word)
{
    return (unsigned)((type_word & FRAME_NEXT_MASK) >> FRAME_NEXT_SHIFT);
}

static inline uint64_t type_bits(enum page_type type)
{
    return (uint64_t)type << FRAME_TYPE_SHIFT;
}

/* The word of a frame whose last type reference goes now: the type's value stays, dated. */
static uint64_t type_word_idle(uint64_t type_word)
{
    return (type_word & FRAME_TYPE_MASK) | (uint64_t)tlb_epoch() << FRAME_NEXT_SHIFT;
}

/* A locked frame goes partial: entries [0,next) hold references. It gets a reference of its own. */
static void frame_park(mfn_t mfn, unsigned next)
{
    struct frame *f = frame_of(mfn);

    frame_get_again(mfn);
    type_store(f, (f->type & FRAME_TYPE_MASK) | FRAME_PARTIAL | (uint64_t)next << FRAME_NEXT_SHIFT |
                      1);
}

/* Locks a partial frame to carry it on; the caller inherits its general reference. */
static bool frame_unpark(mfn_t mfn, unsigned *next)
{
    struct frame *f = frame_of(mfn);
    uint64_t old = type_load(f);

    do {
        if (!(old & FRAME_PARTIAL))
            return false;
        *next = type_next(old);
    } while (!type_swap(f, &old, (old & FRAME_TYPE_MASK) | FRAME_LOCKED | 1));
    return true;
}

/* Leaves the demotion of a partial frame to pt_work_drain(). Replaces a child of it that is there. */
static void pt_work_set(mfn_t mfn)
{
    struct pt_work *work = this_cpu()->pt_work;
    struct pt_work before = *work;

    frame_get_again(mfn);
    *work = (struct pt_work){ .used = true, .mfn = mfn };
    if (before.used)
        frame_put(before.mfn);
}

/*
 * Promotes a locked table from entry `next` on, and publishes it. Refused: the frame is left partial
 * for pt_work_drain() to demote. Preempted: partial, and -ERESTART.
 */
static int frame_promote(mfn_t mfn, unsigned level, unsigned next)
{
    struct frame *f = frame_of(mfn);
    unsigned spans;
    int rc = table_promote(mfn, level, &next, &spans);

    if (!rc) {
        type_store(f, (f->type & FRAME_TYPE_MASK) | FRAME_VALIDATED |
                          (uint64_t)spans << FRAME_SPAN_SHIFT | 1);
        return 0;
    }
    frame_park(mfn, next);
    if (rc != -ERESTART)
        pt_work_set(mfn);
    return rc;
}

/*
 * Demotes a locked table whose entries [0,next) hold references, as far as spans name them. False:
 * preempted, partial again.
 */
static bool frame_demote(mfn_t mfn, unsigned next, unsigned spans)
{
    struct frame *f = frame_of(mfn);

    if (!table_demote(mfn, frame_type(mfn), &next, spans)) {
        frame_park(mfn, next);
        return false;
    }
    type_store(f, type_word_idle(f->type));
    return true;
}

bool frame_demote_partial(mfn_t mfn)
{
    unsigned next;
    bool done;

    if (!frame_unpark(mfn, &next))
        return true;
    done = frame_demote(mfn, next, FRAME_SPANS_ALL);
    frame_put(mfn);
    return done;
}

/* A frame of another type before may be in TLBs as what it was. */
static inline bool type_changes(uint64_t old, enum page_type type)
{
    return (old & FRAME_TYPE_MASK) && (old & FRAME_TYPE_MASK) != type_bits(type);
}

/*
 * The type word was won by us, from a count of zero: flush first, so that nobody can still write
 * through an old mapping, or walk through an old table; then look at the content. A frame that becomes
 * writable is locked until then too, lest another CPU give it to a writer (hazard P6).
 */
static int type_won(mfn_t mfn, enum page_type type, uint64_t old)
{
    struct frame *f = frame_of(mfn);
    int rc;

    if (type_changes(old, type)) {
        tlb_flush_since(type_next(old));
        if (type == PT_WRITABLE)
            type_store(f, type_bits(type) | FRAME_VALIDATED | 1);
    }
    if (type == PT_WRITABLE)
        return 0;
    if (type != PT_SEG)
        return frame_promote(mfn, type, 0);
    rc = seg_page_validate(mfn);
    type_store(f, rc ? type_word_idle(f->type) : type_bits(type) | FRAME_VALIDATED | 1);
    return rc;
}

int page_type_get_slow(mfn_t mfn, enum page_type type)
{
    struct frame *f = frame_of(mfn);
    uint64_t old = type_load(f), new;

    for (;;) {
        if (!(old & FRAME_TYPE_COUNT)) {
            bool ready = type == PT_WRITABLE && !type_changes(old, type);

            new = type_bits(type) | (ready ? FRAME_VALIDATED : FRAME_LOCKED) | 1;
            if (type_swap(f, &old, new))
                return type_won(mfn, type, old);
        } else if ((old & FRAME_TYPE_MASK) != type_bits(type)) {
            return refuse(-EINVAL, "frame-has-other-type", mfn, 0);
        } else if (old & FRAME_PARTIAL) {
            unsigned next;
            int rc;

            if (!frame_unpark(mfn, &next)) {
                old = type_load(f);
                continue;
            }
            rc = frame_promote(mfn, type, next);
            frame_put(mfn);
            return rc;
        } else if (!(old & FRAME_VALIDATED)) {
            __builtin_ia32_pause(); /* another CPU is in its promotion or demotion */
            old = type_load(f);
        } else if ((old & FRAME_TYPE_COUNT) == FRAME_TYPE_MAX) {
            return refuse(-EINVAL, "type-count-full", mfn, 0);
        } else if (type_swap(f, &old, old + 1)) {
            return 0;
        }
    }
}

/* Drops a type reference. False: it was a table's last one and the demotion was preempted. */
static bool type_drop(mfn_t mfn)
{
    struct frame *f = frame_of(mfn);
    uint64_t old = type_load(f);

    for (;;) {
        uint64_t count = old & FRAME_TYPE_COUNT;

        ASSERT(count && !(old & FRAME_PARTIAL));
        if (count > 1) {
            if (type_swap(f, &old, old - 1))
                return true;
        } else if (old & FRAME_LOCKED) {
            __builtin_ia32_pause();
            old = type_load(f);
        } else if (!type_is_table(old)) {
            if (type_swap(f, &old, type_word_idle(old)))
                return true;
        } else if (type_swap(f, &old, (old & FRAME_TYPE_MASK) | FRAME_LOCKED | 1)) {
            return frame_demote(mfn, PT_ENTRIES,
                                (unsigned)(old >> FRAME_SPAN_SHIFT) & FRAME_SPANS_ALL);
        }
    }
}

void page_type_put(mfn_t mfn)
{
    if (!type_drop(mfn))
        pt_work_set(mfn);
}

bool page_type_put_child(mfn_t mfn)
{
    bool done = type_drop(mfn);

    frame_put(mfn); /* a frame that went partial has its own reference */
    return done;
}

int page_get_typed(mfn_t mfn, uint16_t owner, enum page_type type)
{
    int rc;

    if (!frame_get(mfn, owner))
        return -EINVAL;
    rc = page_type_get(mfn, type);
    if (rc)
        frame_put(mfn);
    return rc;
}

void page_put_typed(mfn_t mfn)
{
    page_type_put(mfn);
    frame_put(mfn);
}

bool pt_work_step(void)
{
    struct pt_work *work = this_cpu()->pt_work;

    if (!work->used)
        return true;
    if (!frame_demote_partial(work->mfn))
        return false;
    work->used = false;
    frame_put(work->mfn);
    return true;
}

void pt_work_drain(void)
{
    while (!pt_work_step())
        hook_reschedule();
}
