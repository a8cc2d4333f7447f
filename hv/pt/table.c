/* SPDX-License-Identifier: MIT */
/* The loops over a table's entries; see table.h. Work between two preemption checks: one L1. */
#include "pt/table.h"

#include "hooks.h"
#include "lib/errno.h"
#include "mm/hv_map.h"
#include "mm/owner.h"
#include "mm/refusal.h"
#include "pt/pte_check.h"

/* The hypervisor's slots of an L4 are not the guest's: skipped on the way up and down. */
static inline bool slot_is_hv(unsigned level, unsigned slot)
{
    return level == 4 && slot >= PT_HV_SLOT_FIRST && slot <= PT_HV_SLOT_LAST;
}

/* Entries of a group that is looked at as one: most tables are mostly empty. */
#define GROUP 4u

static inline bool group_empty(const uint64_t *entry)
{
    const volatile uint64_t *e = entry;

    return !(e[0] | e[1] | e[2] | e[3]);
}

/* The first slot from `slot` up that does not begin a group of empty entries. */
static inline unsigned skip_up(const uint64_t *table, unsigned slot)
{
    while (slot + GROUP <= PT_ENTRIES && group_empty(&table[slot]))
        slot += GROUP;
    return slot;
}

/* The same downwards, for slots below `slot`. */
static inline unsigned skip_down(const uint64_t *table, unsigned slot)
{
    while (slot >= GROUP && group_empty(&table[slot - GROUP]))
        slot -= GROUP;
    return slot;
}

int table_promote(mfn_t mfn, unsigned level, unsigned *next)
{
    uint64_t *table = frame_va(mfn);
    uint16_t owner = frame_owner(mfn);
    unsigned start = *next;

    for (unsigned slot = skip_up(table, start); slot < PT_ENTRIES; slot++) {
        uint64_t pte = hook_guest_read64(&table[slot]), stored;
        int rc;

        if (!(pte & PTE_P) || slot_is_hv(level, slot)) {
            slot = skip_up(table, slot + 1) - 1;
            continue;
        }
        if (level > 1 && slot != start && hook_preempt()) {
            *next = slot;
            return -ERESTART;
        }
        rc = pte_get_refs(pte, level, owner);
        if (rc) {
            refusal_at(level, slot);
            *next = slot;
            return rc;
        }
        stored = pte_adjust(pte, level);
        if (stored != pte)
            table[slot] = stored;
    }
    if (level == 4) {
        const struct owner *o = owner_find(owner);

        *next = PT_ENTRIES;
        if (!o)
            return refuse(-EINVAL, "owner-gone", mfn, 0);
        hv_map_fill_slots(table, o->perdomain_entry);
    }
    return 0;
}

/*
 * Finishes the child of an uncounted entry if an interrupted operation left it partial. The entry may
 * be the refused one and name anything: another owner's frame is not touched.
 */
static bool child_finish(uint64_t pte, unsigned level, uint16_t owner)
{
    mfn_t child = pte_mfn(pte);

    if (!(pte & PTE_P) || !frame_valid(child) || frame_owner(child) != owner ||
        frame_type(child) != (enum page_type)(level - 1))
        return true;
    return frame_demote_partial(child);
}

bool table_demote(mfn_t mfn, unsigned level, unsigned *next)
{
    const uint64_t *table = frame_va(mfn);
    unsigned start = *next;

    if (level > 1 && start < PT_ENTRIES && !slot_is_hv(level, start) &&
        !child_finish(table[start], level, frame_owner(mfn)))
        return false;
    for (unsigned slot = skip_down(table, start); slot-- > 0;) {
        uint64_t pte = table[slot];

        if (!(pte & PTE_P) || slot_is_hv(level, slot)) {
            slot = skip_down(table, slot);
            continue;
        }
        if (level == 1) {
            pte_put_refs(pte, 1);
            continue;
        }
        if (slot + 1 != start && hook_preempt()) {
            *next = slot + 1;
            return false;
        }
        if (!page_type_put_child(pte_mfn(pte))) {
            *next = slot;
            return false;
        }
    }
    return true;
}
