/* SPDX-License-Identifier: MIT */
/*
 * The loops over a table's entries; see table.h. Work between two preemption checks: the references of
 * one table's entries. A child that is validated already is no more than that; before any other the
 * check is made.
 */
#include "pt/table.h"

#include "hooks.h"
#include "lib/errno.h"
#include "mm/hv_map.h"
#include "mm/owner.h"
#include "mm/refusal.h"
#include "pt/pte_check.h"
#include "pt/table_scan.h"

/* Entries that are looked at as one within a span that has any: these are in one cache line. */
#if PT_INDEX_BITS >= 4
#define GROUP  8u
#define ANY(e) ((e)[0] | (e)[1] | (e)[2] | (e)[3] | (e)[4] | (e)[5] | (e)[6] | (e)[7])
#else
#define GROUP  1u
#define ANY(e) ((void)(e), PTE_P)
#endif

/* Whether an entry is the first of so many, counted from its table's begin. */
static inline bool entry_begins(const uint64_t *entry, unsigned entries)
{
    return !((uintptr_t)entry % (entries * sizeof(*entry)));
}

static inline unsigned slot_of(const uint64_t *entry)
{
    return (uintptr_t)entry % PAGE_SIZE / sizeof(*entry);
}

static inline bool group_empty(const uint64_t *entry)
{
    return !(ANY(entry) & PTE_P);
}

/*
 * The first entry from `entry` up whose group has a present one, or end. Spans that are not named have
 * none. Which of the group it is the caller sees when it reads them, each once.
 */
static inline uint64_t *next_up(uint64_t *entry, uint64_t *end, unsigned spans)
{
    while (entry != end) {
        if (!entry_begins(entry, GROUP))
            return entry;
        if (entry_begins(entry, FRAME_SPAN)) {
            unsigned rest = spans >> slot_of(entry) / FRAME_SPAN;

            if (!rest)
                return end;
            entry += (unsigned)__builtin_ctz(rest) * FRAME_SPAN;
        }
        if (!group_empty(entry))
            return entry;
        entry += GROUP;
    }
    return end;
}

/* The reference of an entry above L1. first: where a resumed promotion begins is no place to stop. */
static inline int child_get(uint64_t pte, unsigned level, uint16_t owner, bool fast, bool first)
{
    int rc = pte_flags_check(pte, level);

    if (fast && !rc && page_get_typed_short(pte_mfn(pte), owner, (enum page_type)(level - 1)))
        return 0;
    if (!first && hook_preempt())
        return -ERESTART;
    return rc ? rc : page_get_typed(pte_mfn(pte), owner, (enum page_type)(level - 1));
}

static int l1_promote(uint64_t *table, uint64_t *entry, uint16_t owner, unsigned *next,
                      unsigned spans)
{
    uint64_t *end = table + PT_ENTRIES;

    for (; (entry = next_up(entry, end, spans)) != end; entry++) {
        uint64_t pte = hook_guest_read64(entry), stored = pte;
        int rc;

        if (!(pte & PTE_P))
            continue;
        rc = pte_flags_check(pte, 1);
        rc = rc ? rc : l1_entry_get_refs(pte, owner);
        if (rc)
            rc = l1_firmware_get_refs(&stored, owner, rc);
        if (rc) {
            *next = (unsigned)(entry - table);
            return rc;
        }
        stored = pte_adjust(stored, 1);
        if (stored != pte)
            *entry = stored;
    }
    return 0;
}

/* Where the hypervisor's slots begin in a table of this level: behind its end if it has none. */
static inline const uint64_t *hv_slots(const uint64_t *table, unsigned level)
{
    return table + (level == 4 ? PT_HV_SLOT_FIRST : PT_ENTRIES);
}

/* slot_is_hv() for a loop that goes by entries. */
static inline bool entry_is_hv(const uint64_t *entry, const uint64_t *hv)
{
    return (uintptr_t)entry - (uintptr_t)hv <=
           (PT_HV_SLOT_LAST - PT_HV_SLOT_FIRST) * sizeof(*entry);
}

/* An L2 to L4 from *next up; the hypervisor's slots of an L4 are not the guest's. */
static int upper_promote(uint64_t *table, unsigned level, uint16_t owner, unsigned *next,
                         unsigned spans)
{
    uint64_t *start = table + *next, *end = table + PT_ENTRIES;
    const uint64_t *hv = hv_slots(table, level);
    const uint64_t adjust = pte_adjust(0, level);
    const bool fast = hook_fast();

    for (uint64_t *entry = start; (entry = next_up(entry, end, spans)) != end; entry++) {
        uint64_t pte;
        int rc;

        if (entry_is_hv(entry, hv)) {
            entry = table + PT_HV_SLOT_LAST;
            continue;
        }
        pte = hook_guest_read64(entry);
        if (!(pte & PTE_P))
            continue;
        rc = child_get(pte, level, owner, fast, entry == start);
        if (rc) {
            *next = (unsigned)(entry - table);
            return rc;
        }
        if (~pte & adjust)
            *entry = pte | adjust;
    }
    return 0;
}

static int l4_complete(mfn_t mfn, uint16_t owner, unsigned *next)
{
    const struct owner *o = owner_find(owner);

    *next = PT_ENTRIES;
    if (!o)
        return refuse(-EINVAL, "owner-gone", mfn, 0);
    hv_map_fill_slots(frame_va(mfn), o->perdomain_entry);
    return 0;
}

int table_promote(mfn_t mfn, unsigned level, unsigned *next, unsigned *spans)
{
    uint64_t *table = frame_va(mfn);
    uint16_t owner = frame_owner(mfn);
    unsigned present = table_spans(table);
    int rc;

    if (level == 1) {
        *spans = FRAME_SPANS_ALL; /* not kept by those who change an L1's entries */
        rc = l1_promote(table, table + *next, owner, next, present);
    } else {
        *spans = present;
        rc = upper_promote(table, level, owner, next, present);
    }
    if (!rc && level == 4)
        return l4_complete(mfn, owner, next);
    if (rc && rc != -ERESTART)
        refusal_at(level, *next);
    return rc;
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

/* One behind the last entry below `entry` whose group has a present one, or the table's begin. */
static inline const uint64_t *next_down(const uint64_t *table, const uint64_t *entry,
                                        unsigned spans)
{
    while (entry != table) {
        if (!entry_begins(entry, GROUP))
            return entry;
        if (entry_begins(entry, FRAME_SPAN)) {
            unsigned rest = spans & (frame_span_bit(slot_of(entry - 1)) * 2 - 1);

            if (!rest)
                return table;
            entry = table + (32 - (unsigned)__builtin_clz(rest)) * FRAME_SPAN;
        }
        if (!group_empty(entry - GROUP))
            return entry;
        entry -= GROUP;
    }
    return table;
}

static void l1_demote(const uint64_t *table, unsigned next, unsigned spans)
{
    const uint64_t *entry = table + next;

    while ((entry = next_down(table, entry, spans)) != table)
        if (*--entry & PTE_P)
            l1_entry_put_refs(*entry);
}

static bool upper_demote(const uint64_t *table, unsigned level, unsigned *next, unsigned spans)
{
    const uint64_t *start = table + *next, *entry = start;
    const uint64_t *hv = hv_slots(table, level);
    const bool fast = hook_fast();

    while ((entry = next_down(table, entry, spans)) != table) {
        if (entry_is_hv(--entry, hv)) {
            entry = table + PT_HV_SLOT_FIRST;
            continue;
        }
        if (!(*entry & PTE_P) || (fast && page_put_typed_short(pte_mfn(*entry))))
            continue;
        if (entry + 1 != start && hook_preempt()) {
            *next = (unsigned)(entry - table) + 1;
            return false;
        }
        if (!page_type_put_child(pte_mfn(*entry))) {
            *next = (unsigned)(entry - table);
            return false;
        }
    }
    return true;
}

bool table_demote(mfn_t mfn, unsigned level, unsigned *next, unsigned spans)
{
    const uint64_t *table = frame_va(mfn);
    unsigned start = *next;

    if (level == 1) {
        l1_demote(table, start, table_spans(table));
        return true;
    }
    if (start < PT_ENTRIES && !slot_is_hv(level, start) &&
        !child_finish(table[start], level, frame_owner(mfn)))
        return false;
    return upper_demote(table, level, next, spans);
}
