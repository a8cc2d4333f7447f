/* SPDX-License-Identifier: MIT */
/*
 * What may stand in a page that somebody's references make a table or a descriptor page, and the
 * references that it stands for. Part of the auditor: written from the rules alone, deliberately
 * without pte_check.c, page_type.c and descriptor.c, so that a mistake there is not repeated here.
 *
 * "Counted" entries are those that hold references: all of a validated table, [0,next) of a partial
 * one, none of any other frame.
 */
#include "pt/audit.h"

#include "pt/descriptor.h"

#define TYPE_OF(type_word) (((type_word)&FRAME_TYPE_MASK) >> FRAME_TYPE_SHIFT)

#define DESC_CALL_GATE   (0xcull << 40)
#define DESC_GATE_LDT    4u      /* the LDT is the guest's, all of it */
#define DESC_GATE_SELECT 0xfffcu /* selector of a gate, less its RPL: word 1 */

static const char *const names[] = { "frame", "L1", "L2", "L3", "L4" };

static inline uint16_t owner_of(uint64_t n)
{
    return (uint16_t)(frame_table[n].ref >> FRAME_OWNER_SHIFT);
}

void audit_count_ref(struct audit *a, const char *where, uint64_t at, uint64_t n, bool typed)
{
    a->references++;
    if (n >= frame_limit) {
        audit_differs(a, "owner", where, at, "target", n, frame_limit);
        return;
    }
    a->roots->scratch[n].refs++;
    a->roots->scratch[n].types += typed;
}

static void count_leaf(struct audit *a, uint64_t n, unsigned slot, uint64_t pte)
{
    uint64_t target = (pte & PTE_ADDR_MASK) >> PAGE_SHIFT, at = AUDIT_SLOT(n, slot);
    uint64_t type, good = audit_entry_bits(pte, PT_L1);

    if (pte != good)
        audit_differs(a, "validated", "L1", at, "entry", pte, good);
    audit_count_ref(a, "L1", at, target, pte & PTE_RW);
    if (target >= frame_limit)
        return;
    if (owner_of(target) != owner_of(n) &&
        !(a->roots->may_map && a->roots->may_map(owner_of(n), mfn_of(target), pte & PTE_RW)))
        audit_differs(a, "owner", "L1", at, "target's owner", owner_of(target), owner_of(n));
    type = frame_table[target].type;
    if ((pte & PTE_RW) && (type & FRAME_TYPE_COUNT) && TYPE_OF(type) != PT_WRITABLE)
        audit_differs(a, "one-type", "L1", at, "target's type", TYPE_OF(type), PT_WRITABLE);
}

/* An entry above: the target is the same owner's and a validated table one level down. */
static void count_branch(struct audit *a, uint64_t n, unsigned level, unsigned slot, uint64_t pte)
{
    uint64_t target = (pte & PTE_ADDR_MASK) >> PAGE_SHIFT, at = AUDIT_SLOT(n, slot);
    uint64_t good = audit_entry_bits(pte, level), type;

    if (pte != good)
        audit_differs(a, "validated", names[level], at, "entry", pte, good);
    audit_count_ref(a, names[level], at, target, true);
    if (target >= frame_limit)
        return;
    if (owner_of(target) != owner_of(n))
        audit_differs(a, "owner", names[level], at, "target's owner", owner_of(target),
                      owner_of(n));
    type = frame_table[target].type;
    if (TYPE_OF(type) != level - 1)
        audit_differs(a, "one-type", names[level], at, "target's type", TYPE_OF(type), level - 1);
    else if (!(type & FRAME_VALIDATED))
        audit_differs(a, "validated", names[level], at, "target's validated flag", 0, 1);
}

/* The first of them (M2P) may be hidden; slot 4 is the owner's. A and D are the CPU's to set. */
static void check_hv_slots(struct audit *a, uint64_t n, const uint64_t *table)
{
    const struct owner *o = owner_find(owner_of(n));

    if (!a->roots->hv_slots)
        return;
    for (unsigned slot = PT_HV_SLOT_FIRST; slot <= PT_HV_SLOT_LAST; slot++) {
        unsigned i = slot - PT_HV_SLOT_FIRST;
        uint64_t good = i == 4 ? (o ? o->perdomain_entry : 0) : a->roots->hv_slots[i];

        if (((table[slot] ^ good) & ~(PTE_A | PTE_D)) && (i || table[slot]))
            audit_differs(a, "our-slots", "L4", AUDIT_SLOT(n, slot), "entry", table[slot], good);
    }
}

/* Returns the spans in which there are present entries. */
static unsigned count_table(struct audit *a, uint64_t n, unsigned level, unsigned end)
{
    const uint64_t *table = frame_va(mfn_of(n));
    unsigned present = 0;

    for (unsigned slot = audit_skip_empty(table, 0, end); slot < end; slot++) {
        uint64_t pte = table[slot];

        if (slot_is_hv(level, slot))
            continue;
        if (!(pte & PTE_P))
            slot = audit_skip_empty(table, slot + 1, end) - 1;
        else if (level == PT_L1)
            count_leaf(a, n, slot, pte);
        else
            count_branch(a, n, level, slot, pte);
        present |= pte & PTE_P ? frame_span_bit(slot) : 0;
    }
    return present;
}

/*
 * Whoever loads a selector gets no further than ring 3: code and data have DPL 3, the one kind of
 * system descriptor is a call gate, which is out of reach (DPL 0) and leads to ring 3.
 */
static bool descriptor_right(uint64_t d)
{
    uint64_t selector = d >> 16 & DESC_GATE_SELECT;

    if (!(d & DESC_P) || !(d & (DESC_S | DESC_TYPE_MASK))) /* type 0 is nothing to the CPU */
        return true;
    if (d & DESC_S)
        return (d & DESC_DPL_MASK) == DESC_DPL_MASK;
    return (d & DESC_TYPE_MASK) == DESC_CALL_GATE && !(d & DESC_DPL_MASK) && (d >> 16 & 3) == 3 &&
           (selector < GDT_RESERVED_BYTE || selector == (FLAT_RING3_CS64 & ~3u) ||
            (selector & DESC_GATE_LDT));
}

/* The first slot from `slot` on with a descriptor that is not right, or PT_ENTRIES. */
static unsigned descriptor_wrong(const uint64_t *page, unsigned slot)
{
    while (slot < PT_ENTRIES && descriptor_right(page[slot]))
        slot = audit_skip_empty(page, slot + 1, PT_ENTRIES);
    return slot;
}

bool audit_descriptors_right(uint64_t n)
{
    return descriptor_wrong(frame_va(mfn_of(n)), 0) == PT_ENTRIES;
}

static void check_descriptors(struct audit *a, uint64_t n)
{
    const uint64_t *page = frame_va(mfn_of(n));

    for (unsigned slot = 0; (slot = descriptor_wrong(page, slot)) < PT_ENTRIES; slot++)
        audit_differs(a, "validated", "descriptors", AUDIT_SLOT(n, slot), "descriptor", page[slot],
                      page[slot] | DESC_DPL_MASK);
}

void audit_page(struct audit *a, uint64_t n, uint64_t type_word)
{
    unsigned level = (unsigned)TYPE_OF(type_word), end = PT_ENTRIES, present;
    unsigned spans = (unsigned)(type_word >> FRAME_SPAN_SHIFT) & FRAME_SPANS_ALL;

    a->tables++;
    if (level == PT_SEG) {
        check_descriptors(a, n);
        return;
    }
    if (type_word & FRAME_PARTIAL) {
        end = (unsigned)((type_word & FRAME_NEXT_MASK) >> FRAME_NEXT_SHIFT);
        if (end > PT_ENTRIES) {
            audit_differs(a, "exact-counts", names[level], AUDIT_AT(n), "next entry", end,
                          PT_ENTRIES);
            end = PT_ENTRIES;
        }
    }
    present = count_table(a, n, level, end);
    if ((type_word & FRAME_VALIDATED) && (present & ~spans))
        audit_differs(a, "exact-counts", names[level], AUDIT_AT(n), "spans", spans, present);
    if (level == PT_L4 && (type_word & FRAME_VALIDATED))
        check_hv_slots(a, n, frame_va(mfn_of(n)));
}
