/* SPDX-License-Identifier: MIT */
/*
 * The change of an entry as most guests make it, as straight code: the same checks and references as
 * entry_change(), in the same order, but whatever is not the common case declines, with nothing
 * changed, and the caller takes the general way, which asks all questions again and explains a
 * refusal. Nothing here calls a function, so that its callers need not save a register.
 *
 * Callers: pv/update_va.c, pv/mmu_update.c, when hook_fast() lets them.
 */
#ifndef HV_PT_ENTRY_FAST_H
#define HV_PT_ENTRY_FAST_H

#include "lib/atomic.h"
#include "pt/entry.h"

/* The half of a type word in which the type and its flags are, and an L1 that can be locked. */
#define L1_FAST_MASK ((uint32_t)((FRAME_TYPE_MASK | FRAME_VALIDATED | FRAME_LOCKED) >> 32))
#define L1_FAST_WANT \
    ((uint32_t)((uint64_t)PT_L1 << (FRAME_TYPE_SHIFT - 32) | FRAME_VALIDATED >> 32))

/*
 * page_type_lock() for a validated L1 of this owner that nobody has locked: whoever does have it may
 * be waited for on the general way.
 */
static inline __attribute__((always_inline)) bool l1_fast_lock(struct frame *f, uint16_t owner)
{
    uint64_t old = atomic_read(&f->type);

    hook_shared_access();
    if (__builtin_expect(((uint32_t)(old >> 32) & L1_FAST_MASK) != L1_FAST_WANT, 0) ||
        __builtin_expect(!atomic_swap_if(&f->type, old, old | FRAME_LOCKED), 0))
        return false;
    if (__builtin_expect((uint16_t)(f->ref >> FRAME_OWNER_SHIFT) == owner, 1))
        return true;
    frame_type_unlock(f);
    return false;
}

static inline __attribute__((always_inline)) void l1_fast_unlock(struct frame *f)
{
    hook_shared_access();
    frame_type_unlock(f);
}

/*
 * What is left to be dropped, 0 for nothing: an entry (present), whose references are, or, not
 * present, the frame that has lost its last reference. To be handed to entry_fast_drop(), unlocked.
 */
typedef uint64_t entry_drop_t;

/* entry.c; for what l1_fast_change() leaves */
void entry_fast_drop(entry_drop_t drop);

/* l1_entry_get_refs() for a present entry. False: not done; a reference may be left in *drop. */
static inline __attribute__((always_inline)) bool l1_fast_get(uint64_t pte, uint16_t owner,
                                                              entry_drop_t *drop)
{
    mfn_t mfn = pte_mfn(pte);
    struct frame *f = frame_of(mfn);
    uint64_t old;

    if (__builtin_expect(!frame_valid(mfn), 0))
        return false;
    old = atomic_read(&f->ref);
    hook_shared_access();
    if (__builtin_expect(!frame_ref_gettable(old, owner), 0) ||
        __builtin_expect(!atomic_swap_if(&f->ref, old, old + 1), 0))
        return false;
    if (!(pte & PTE_RW))
        return true;
    old = atomic_read(&f->type);
    hook_shared_access();
    if (__builtin_expect(writable_gettable(old), 1) &&
        __builtin_expect(atomic_swap_if(&f->type, old, writable_word(old + 1)), 1))
        return true;
    *drop = pte & ~(uint64_t)PTE_RW;
    return false;
}

/* l1_entry_put_refs(); what would take a call is left in *drop. */
static inline __attribute__((always_inline)) void l1_fast_put(uint64_t pte, entry_drop_t *drop)
{
    struct frame *f = frame_of(pte_mfn(pte));

    if (pte & PTE_RW) {
        uint64_t old = atomic_read(&f->type);
        uint64_t new = (uint32_t)old == 1 ? writable_word_idle() : old - 1;

        hook_shared_access();
        if (__builtin_expect(!atomic_swap_if(&f->type, old, new), 0)) {
            *drop = pte;
            return;
        }
    }
    hook_shared_access();
    if (__builtin_expect(atomic_dec_was_last((uint32_t *)&f->ref), 0))
        *drop = pte & PTE_ADDR_MASK;
}

/*
 * Stores new, as the guest asked for it, into an entry of a locked L1, for frames of page_owner.
 * False: declined, the entry is as it was. Either way what *drop names is the caller's to drop.
 */
static inline __attribute__((always_inline)) bool l1_fast_change(uint64_t *entry, uint64_t new,
                                                                 uint16_t page_owner,
                                                                 entry_drop_t *drop)
{
    uint64_t old = hook_guest_read64(entry);

    *drop = 0;
    if (new &PTE_P) {
        if (__builtin_expect(new & ~PTE_ADDR_MASK & ~PTE_L1_ALLOWED, 0))
            return false;
        new = pte_adjust(new, 1);
        if (entry_change_is_soft(old, new, 1)) {
            hook_shared_access();
            __atomic_store_n(entry, new, __ATOMIC_RELEASE);
            return true;
        }
        if (!l1_fast_get(new, page_owner, drop))
            return false;
    }
    hook_shared_access();
    __atomic_store_n(entry, new, __ATOMIC_RELEASE);
    if (old & PTE_P)
        l1_fast_put(old, drop);
    return true;
}

/* The type word of a validated table that nobody has locked, locked; false if it is another. */
static inline bool upper_fast_lock(struct frame *f, uint64_t word, uint16_t owner)
{
    const uint32_t state = (FRAME_VALIDATED | FRAME_LOCKED) >> 32;

    hook_shared_access();
    if (((uint32_t)(word >> 32) & state) != FRAME_VALIDATED >> 32 ||
        !atomic_swap_if(&f->type, word, word | FRAME_LOCKED))
        return false;
    if ((uint16_t)(f->ref >> FRAME_OWNER_SHIFT) == owner)
        return true;
    frame_type_unlock(f);
    return false;
}

/* The part of upper_fast_change() under the lock. */
static inline bool upper_fast_store(struct frame *f, unsigned level, uint64_t *entry, uint64_t new,
                                    uint16_t owner, entry_drop_t *drop)
{
    uint64_t old = hook_guest_read64(entry);
    unsigned slot = (uintptr_t)entry % PAGE_SIZE / sizeof(*entry);

    if (level == 4 && slot >= PT_HV_SLOT_FIRST && slot <= PT_HV_SLOT_LAST)
        return false;
    if (new &PTE_P) {
        if (new & ~PTE_ADDR_MASK & ~PTE_LN_ALLOWED)
            return false;
        new = pte_adjust(new, level);
        if (entry_change_is_soft(old, new, level))
            old = 0;
        else if (!page_get_typed_short(pte_mfn(new), owner, (enum page_type)(level - 1)))
            return false;
        __atomic_or_fetch(&f->type, 1ull << (FRAME_SPAN_SHIFT + slot / FRAME_SPAN),
                          __ATOMIC_ACQ_REL);
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
    if (level < PT_L2 || level > PT_L4 || !upper_fast_lock(f, word, owner))
        return false;
    done = upper_fast_store(f, level, ma_va(ma), new, owner, drop);
    hook_shared_access();
    frame_type_unlock(f);
    return done;
}

#endif
