/* SPDX-License-Identifier: MIT */
/*
 * The change of an entry as most guests make it, as straight code: the same checks and references as
 * entry_change(), in the same order, but whatever is not the common case declines, with nothing
 * changed, and the caller takes the general way, which asks all questions again and explains a
 * refusal. Nothing here calls a function, so that its callers need not save a register.
 *
 * Callers: pv/update_va.c, pv/mmu_update.c, pv/ptwr_fault.c, when hook_fast() lets them.
 */
#ifndef HV_PT_ENTRY_FAST_H
#define HV_PT_ENTRY_FAST_H

#include "lib/atomic.h"
#include "pt/entry.h"

/*
 * page_type_lock() for a frame whose type word was read as `word`, if its upper half is `want` in the
 * bits of `state`, and owner has it. Whoever has it locked may be waited for on the general way.
 */
static inline __attribute__((always_inline)) bool entry_fast_lock(struct frame *f, uint64_t word,
                                                                  uint64_t state, uint64_t want,
                                                                  uint16_t owner)
{
    hook_shared_access();
    if (__builtin_expect(
            ((uint32_t)(word >> 32) & (uint32_t)(state >> 32)) != (uint32_t)(want >> 32), 0) ||
        __builtin_expect(!atomic_swap_if(&f->type, word, word | FRAME_LOCKED), 0))
        return false;
    if (__builtin_expect((uint16_t)(f->ref >> FRAME_OWNER_SHIFT) == owner, 1))
        return true;
    frame_type_unlock(f);
    return false;
}

/* The same for a validated L1. */
static inline __attribute__((always_inline)) bool l1_fast_lock(struct frame *f, uint16_t owner)
{
    return entry_fast_lock(f, atomic_read(&f->type),
                           FRAME_TYPE_MASK | FRAME_VALIDATED | FRAME_LOCKED,
                           (uint64_t)PT_L1 << FRAME_TYPE_SHIFT | FRAME_VALIDATED, owner);
}

static inline __attribute__((always_inline)) void entry_fast_unlock(struct frame *f)
{
    hook_shared_access();
    frame_type_unlock(f);
}

/*
 * What is left to be dropped, 0 for nothing: an entry (present), whose references are, or, not
 * present, the frame that has lost its last reference. To be handed to entry_fast_drop(); none of it
 * is a table's last type reference, so that the table's lock may still be held.
 */
typedef uint64_t entry_drop_t;

/* entry.c; for what l1_fast_change() leaves */
void entry_fast_drop(entry_drop_t drop);

/* l1_entry_get_refs() for a present entry. False: not done; a reference may be left in *drop. */
static inline __attribute__((always_inline)) bool l1_fast_get(uint64_t pte, uint16_t owner,
                                                              entry_drop_t *drop)
{
    mfn_t mfn = pte_mfn(pte);

    if (!frame_get_short(mfn, owner))
        return false;
    if (!(pte & PTE_RW) || writable_get_short(frame_of(mfn)))
        return true;
    *drop = pte & ~(uint64_t)PTE_RW;
    return false;
}

/* l1_entry_put_refs(); what would take a call is left in *drop. */
static inline __attribute__((always_inline)) void l1_fast_put(uint64_t pte, entry_drop_t *drop)
{
    struct frame *f = frame_of(pte_mfn(pte));

    if ((pte & PTE_RW) && !writable_put_short(f)) {
        *drop = pte;
        return;
    }
    hook_shared_access();
    if (__builtin_expect(atomic_dec_was_last((uint32_t *)&f->ref), 0))
        *drop = pte & PTE_ADDR_MASK;
}

/*
 * l1_fast_change() of an entry that was read as old. compare: only while it still is that.
 */
static inline __attribute__((always_inline)) bool l1_fast_set(uint64_t *entry, uint64_t old,
                                                              uint64_t new, bool compare,
                                                              uint16_t page_owner,
                                                              entry_drop_t *drop)
{
    bool soft = false;

    *drop = 0;
    if (new &PTE_P) {
        if (__builtin_expect(pte_flags_bad(new, 1) != 0, 0))
            return false;
        new = pte_adjust(new, 1);
        soft = entry_change_is_soft(old, new, 1);
        if (!soft && !l1_fast_get(new, page_owner, drop))
            return false;
    }
    hook_shared_access();
    if (!compare) {
        __atomic_store_n(entry, new, __ATOMIC_RELEASE);
    } else if (__builtin_expect(!atomic_swap_if(entry, old, new), 0)) {
        *drop = (new &PTE_P) && !soft ? new : 0;
        return false;
    }
    if (!soft && (old & PTE_P))
        l1_fast_put(old, drop);
    return true;
}

/*
 * Stores new, as the guest asked for it, into an entry of a locked L1, for frames of page_owner.
 * False: declined, the entry is as it was. Either way what *drop names is the caller's to drop.
 */
static inline __attribute__((always_inline)) bool l1_fast_change(uint64_t *entry, uint64_t new,
                                                                 uint16_t page_owner,
                                                                 entry_drop_t *drop)
{
    return l1_fast_set(entry, hook_guest_read64(entry), new, false, page_owner, drop);
}

/* The same of an entry that was read as old, and declined if it is another by now. */
static inline __attribute__((always_inline)) bool l1_fast_replace(uint64_t *entry, uint64_t old,
                                                                  uint64_t new, uint16_t page_owner,
                                                                  entry_drop_t *drop)
{
    return l1_fast_set(entry, old, new, true, page_owner, drop);
}

/* The part of upper_fast_change() under the lock. */
static inline bool upper_fast_store(struct frame *f, unsigned level, uint64_t *entry, uint64_t new,
                                    uint16_t owner, entry_drop_t *drop)
{
    uint64_t old = hook_guest_read64(entry);
    unsigned slot = (uintptr_t)entry % PAGE_SIZE / sizeof(*entry);

    if (slot_is_hv(level, slot))
        return false;
    if (new &PTE_P) {
        if (pte_flags_bad(new, level))
            return false;
        new = pte_adjust(new, level);
        if (entry_change_is_soft(old, new, level))
            old = 0;
        else if (!page_get_typed_short(pte_mfn(new), owner, (enum page_type)(level - 1)))
            return false;
        entry_span_add(f, slot);
    }
    hook_shared_access();
    __atomic_store_n(entry, new, __ATOMIC_RELEASE);
    if ((old & PTE_P) && !page_put_typed_short(pte_mfn(old)))
        *drop = old;
    return true;
}

/*
 * Stores new into the entry at a machine address, of a table above L1 that owner owns, naming frames of
 * owner's; all addresses are of RAM. False: declined, nothing changed. The caller flushes before the
 * guest runs, and drops the references of the entry that is left in *drop.
 */
static inline bool upper_fast_change(uint64_t ma, uint64_t new, uint16_t owner, entry_drop_t *drop)
{
    struct frame *f = frame_of_ma(ma & PAGE_MASK);
    uint64_t word = atomic_read(&f->type);
    unsigned level = (word & FRAME_TYPE_MASK) >> FRAME_TYPE_SHIFT;
    bool done;

    *drop = 0;
    if (level < PT_L2 || level > PT_L4 ||
        !entry_fast_lock(f, word, FRAME_VALIDATED | FRAME_LOCKED, FRAME_VALIDATED, owner))
        return false;
    done = upper_fast_store(f, level, ma_va(ma), new, owner, drop);
    entry_fast_unlock(f);
    return done;
}

#endif
