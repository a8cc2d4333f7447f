/* SPDX-License-Identifier: MIT */
/*
 * The one way a present table's entry changes: new references first, then the store, then the old
 * entry's references. Callers hold the table locked (page_type_lock) with a general reference.
 */
#ifndef HV_PT_ENTRY_H
#define HV_PT_ENTRY_H

#include "pt/page_type.h"
#include "pt/pte_check.h"

enum entry_mode {
    ENTRY_STORE,       /* the new value as it is */
    ENTRY_PRESERVE_AD, /* accessed and dirty bits of the old entry are kept */
    ENTRY_COMPARE,     /* only if the entry still holds the expected value */
};

struct entry_change {
    mfn_t table;    /* locked, of type `level` */
    unsigned level; /* 1..4 */
    unsigned slot;
    enum entry_mode mode;
    uint64_t expected;   /* ENTRY_COMPARE */
    uint64_t new;        /* as the guest asked for it */
    uint16_t page_owner; /* whose frames the entry may name */
    uint64_t old;        /* out: the entry before, also when refused */
};

/*
 * Carries out one change. 0, or the error of pte_get_refs() with nothing changed; -EBUSY if an
 * ENTRY_COMPARE found another value; -EINVAL for one of the hypervisor's slots of an L4.
 * Level 2 and above: stale translations may remain, the caller flushes before the guest runs. The
 * caller drains pt_work after it has unlocked the table.
 */
int entry_change(struct entry_change *c);

/* An entry of a locked table above L1 is about to become present: its span may have one now. */
static inline void entry_span_add(struct frame *table, unsigned slot)
{
    __atomic_or_fetch(&table->type, (uint64_t)frame_span_bit(slot) << FRAME_SPAN_SHIFT,
                      __ATOMIC_ACQ_REL);
}

/*
 * Bits whose change needs no new check, at an unchanged frame: a whitelist (hazard P1). RW is not in
 * it at L1, where it stands for a type reference; above L1 no reference depends on it.
 */
#define ENTRY_SOFT_BITS (PTE_NX | PTE_AVAIL | PTE_AVAIL_HIGH | PTE_G | PTE_D | PTE_A | PTE_U)

/* Whether new, which is present, may replace old without a look: PTE_P is not soft, so old is too. */
static inline bool entry_change_is_soft(uint64_t old, uint64_t new, unsigned level)
{
    uint64_t soft = level == 1 ? ENTRY_SOFT_BITS : ENTRY_SOFT_BITS | PTE_RW;

    return !((old ^ new) & ~soft);
}

#endif
