/* SPDX-License-Identifier: MIT */
/*
 * Recount and compare; see audit.h. Three passes over the frame table: count what tables, pins,
 * partial flags and the caller's list stand for; compare each frame; compare each owner's account.
 *
 * Written from the rules alone, deliberately without pte_check.c and page_type.c, so that a mistake
 * there is not repeated here. "Counted" entries are those that hold references: all of a validated
 * table, [0,next) of a partial one, none of any other frame.
 */
#include "pt/audit.h"

#include "lib/printk.h"
#include "mm/owner.h"
#include "mm/page_alloc.h"

#define LINES_MAX 16u

#define LEAF_BITS                                                                           \
    (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D | PTE_G | PTE_AVAIL | PTE_AVAIL_HIGH | PTE_NX | \
     PTE_ADDR_MASK)
#define TABLE_BITS (LEAF_BITS & ~PTE_G)

struct audit {
    const struct audit_roots *roots;
    unsigned found;
};

/* One difference: counted always, printed while there are few. */
#define differs(a, fmt, ...)                                    \
    do {                                                        \
        if ((a)->found++ < LINES_MAX)                           \
            printk(LOG_ERROR, "audit: " fmt "\n", __VA_ARGS__); \
    } while (0)

struct frame_state {
    uint64_t refs, types, next;
    uint16_t owner;
    unsigned type;
    bool allocated, pinned, validated, partial, locked;
};

static struct frame_state state_of(uint64_t n)
{
    uint64_t ref = frame_table[n].ref, type = frame_table[n].type;

    return (struct frame_state){
        .refs = ref & FRAME_REF_COUNT,
        .owner = (uint16_t)((ref & FRAME_OWNER_MASK) >> FRAME_OWNER_SHIFT),
        .allocated = ref & FRAME_ALLOCATED,
        .types = type & FRAME_TYPE_COUNT,
        .type = (unsigned)((type & FRAME_TYPE_MASK) >> FRAME_TYPE_SHIFT),
        .pinned = type & FRAME_PINNED,
        .validated = type & FRAME_VALIDATED,
        .partial = type & FRAME_PARTIAL,
        .locked = type & FRAME_LOCKED,
        .next = (type & FRAME_NEXT_MASK) >> FRAME_NEXT_SHIFT,
    };
}

static bool type_is_level(unsigned type)
{
    return type >= PT_L1 && type <= PT_L4;
}

static bool slot_is_hypervisors(unsigned level, unsigned slot)
{
    return level == PT_L4 && slot >= PT_HV_SLOT_FIRST && slot <= PT_HV_SLOT_LAST;
}

static void count_ref(struct audit *a, uint64_t n, bool typed, const char *what, uint64_t from)
{
    if (n >= frame_limit) {
        differs(a, "%s of %lx names frame %lx beyond memory", what, from, n);
        return;
    }
    a->roots->scratch[n].refs++;
    a->roots->scratch[n].types += typed;
}

/* Rules I7, I8 and I5 for a leaf: allowed bits, an owned target, never a writable table. */
static void check_leaf(struct audit *a, uint64_t n, unsigned slot, uint64_t pte)
{
    uint64_t target = (pte & PTE_ADDR_MASK) >> PAGE_SHIFT;
    uint16_t owner = state_of(n).owner;
    struct frame_state t;

    if ((pte & ~LEAF_BITS) || !(pte & PTE_U) || !(pte & (PTE_GUEST_KERNEL | PTE_G)))
        differs(a, "L1 %lx[%u] has forbidden bits: %016lx", n, slot, pte);
    count_ref(a, target, pte & PTE_RW, "L1 entry", n);
    if (target >= frame_limit)
        return;
    t = state_of(target);
    if (t.owner != owner && !(a->roots->may_map && a->roots->may_map(owner, t.owner)))
        differs(a, "L1 %lx[%u] of d%u maps frame %lx of owner %x", n, slot, owner, target, t.owner);
    if ((pte & PTE_RW) && t.types && t.type != PT_WRITABLE)
        differs(a, "L1 %lx[%u] maps frame %lx writable, which has type %u", n, slot, target,
                t.type);
}

/* The same for an entry above: the target is the same owner's and a validated table one level down. */
static void check_branch(struct audit *a, uint64_t n, unsigned level, unsigned slot, uint64_t pte)
{
    uint64_t target = (pte & PTE_ADDR_MASK) >> PAGE_SHIFT;
    struct frame_state t;

    if ((pte & ~TABLE_BITS) || !(pte & PTE_U) || (level == PT_L4 && !(pte & PTE_A)))
        differs(a, "L%u %lx[%u] has forbidden bits: %016lx", level, n, slot, pte);
    count_ref(a, target, true, "table entry", n);
    if (target >= frame_limit)
        return;
    t = state_of(target);
    if (t.owner != state_of(n).owner)
        differs(a, "L%u %lx[%u] names frame %lx of owner %x", level, n, slot, target, t.owner);
    if (t.type != level - 1 || !t.validated)
        differs(a, "L%u %lx[%u] names frame %lx of type %u, %s", level, n, slot, target, t.type,
                t.validated ? "validated" : "not validated");
}

/* I9: a validated L4 carries the hypervisor's slots; the first (M2P) may be hidden. A and D are the CPU's. */
static void check_hv_slot(struct audit *a, uint64_t n, unsigned slot, uint64_t pte)
{
    unsigned i = slot - PT_HV_SLOT_FIRST;
    const struct owner *o = owner_find(state_of(n).owner);
    uint64_t want;

    if (!a->roots->hv_slots || (i == 0 && !pte))
        return;
    want = i == 4 ? (o ? o->perdomain_entry : 0) : a->roots->hv_slots[i];
    if ((pte ^ want) & ~(PTE_A | PTE_D))
        differs(a, "L4 %lx[%u] of the hypervisor is %016lx, not %016lx", n, slot, pte, want);
}

static void count_table(struct audit *a, uint64_t n, const struct frame_state *s)
{
    const uint64_t *table = frame_va(mfn_of(n));
    unsigned end = s->partial ? (unsigned)s->next : PT_ENTRIES;

    if (end > PT_ENTRIES) {
        differs(a, "frame %lx is partial up to entry %u", n, end);
        end = PT_ENTRIES;
    }
    for (unsigned slot = 0; slot < end; slot++) {
        uint64_t pte = table[slot];

        if (slot_is_hypervisors(s->type, slot)) {
            if (s->validated)
                check_hv_slot(a, n, slot, pte);
        } else if (!(pte & PTE_P)) {
            continue;
        } else if (s->type == PT_L1) {
            check_leaf(a, n, slot, pte);
        } else {
            check_branch(a, n, s->type, slot, pte);
        }
    }
}

static void count_roots(struct audit *a)
{
    const struct audit_roots *r = a->roots;

    for (unsigned i = 0; i < r->refs_count; i++) {
        const struct audit_ref *ref = &r->refs[i];

        count_ref(a, ref->mfn.n, ref->type != PT_NONE, ref->what, i);
        if (ref->type != PT_NONE && ref->mfn.n < frame_limit &&
            (state_of(ref->mfn.n).type != ref->type || !state_of(ref->mfn.n).validated))
            differs(a, "%s is frame %lx of type %u, not a validated %u", ref->what, ref->mfn.n,
                    state_of(ref->mfn.n).type, ref->type);
    }
    for (unsigned i = 0; i < r->works_count; i++) {
        if (!r->works[i]->used)
            continue;
        count_ref(a, r->works[i]->mfn.n, false, "pending cleanup", i);
        if (r->at_rest)
            differs(a, "vCPU %u has pending cleanup of frame %lx", i, r->works[i]->mfn.n);
    }
}

/* I1, I2: what a frame may be as long as nobody owns it. */
static void check_unowned(struct audit *a, uint64_t n, const struct frame_state *s)
{
    const struct audit_count *c = &a->roots->scratch[n];

    if (s->refs || s->allocated)
        differs(a, "frame %lx of owner %x has %lu references", n, s->owner, s->refs);
    if (c->refs)
        differs(a, "frame %lx of owner %x is named %u times", n, s->owner, c->refs);
    /* The type word of a free frame belongs to the allocator. */
    if (s->owner != OWNER_NONE && (s->types || s->validated || s->partial || s->pinned))
        differs(a, "frame %lx of owner %x has type %u, count %lu", n, s->owner, s->type, s->types);
}

/* I6, I11: which flags go together. */
static void check_flags(struct audit *a, uint64_t n, const struct frame_state *s)
{
    bool level = type_is_level(s->type);

    if (s->locked)
        differs(a, "frame %lx is locked", n);
    if (!s->types && (s->validated || s->partial || s->pinned))
        differs(a, "frame %lx has no type count, but flags", n);
    if (s->types && (level ? s->validated == s->partial : !s->validated || s->partial))
        differs(a, "frame %lx of type %u: validated %d, partial %d", n, s->type, s->validated,
                s->partial);
    if (s->partial && (s->types != 1 || s->pinned))
        differs(a, "partial frame %lx has type count %lu", n, s->types);
    if (s->pinned && !level)
        differs(a, "pinned frame %lx has type %u", n, s->type);
    if (s->types && (s->type == PT_NONE || s->type == 6))
        differs(a, "frame %lx has type count %lu of no type", n, s->types);
}

/* I3, I4: the exact ledgers. */
static void check_counts(struct audit *a, uint64_t n, const struct frame_state *s)
{
    const struct audit_count *c = &a->roots->scratch[n];
    uint64_t refs = (uint64_t)c->refs + s->allocated + s->pinned + s->partial;
    uint64_t types = (uint64_t)c->types + s->pinned + s->partial;

    if (s->refs != refs)
        differs(a, "frame %lx of d%u has general count %lu, recounted %lu", n, s->owner, s->refs,
                refs);
    if (s->types != types)
        differs(a, "frame %lx of d%u has type %u count %lu, recounted %lu", n, s->owner, s->type,
                s->types, types);
    if (s->refs > FRAME_REF_MAX || s->types > FRAME_TYPE_MAX)
        differs(a, "frame %lx: count beyond its field", n);
}

static bool is_unowned(const struct frame_state *s)
{
    return s->owner == OWNER_NONE || s->owner == OWNER_IO || (s->owner == OWNER_HV && !s->refs);
}

/* I43: an owner's account is the number of frames that name it. Each owner is met at its first frame. */
static void check_owner(struct audit *a, uint64_t first, uint16_t id)
{
    const struct owner *o = owner_find(id);
    uint64_t pages = 0;

    for (uint64_t n = 0; n < frame_limit; n++) {
        struct frame_state s = state_of(n);

        if (s.owner != id || (frame_table[n].ref & FRAME_HV_SHARED))
            continue;
        if (n < first)
            return;
        pages++;
    }
    if (!o)
        differs(a, "frame %lx has an owner that is not known, d%u", first, id);
    else if (o->pages != pages || o->pages > o->max_pages)
        differs(a, "d%u has %lu frames, account %u of %u", id, pages, o->pages, o->max_pages);
}

static void check_accounts(struct audit *a)
{
    uint64_t free_frames = 0;
    uint16_t last = OWNER_NONE;

    for (uint64_t n = 0; n < frame_limit; n++) {
        struct frame_state s = state_of(n);

        free_frames += s.owner == OWNER_NONE;
        if (is_unowned(&s) || s.owner == last || (frame_table[n].ref & FRAME_HV_SHARED))
            continue;
        last = s.owner;
        check_owner(a, n, s.owner);
    }
    if (free_frames != page_free_count())
        differs(a, "%lu frames are free, the allocator has %lu", free_frames, page_free_count());
}

unsigned audit_run(const struct audit_roots *roots)
{
    struct audit a = { .roots = roots };

    __builtin_memset(roots->scratch, 0, frame_limit * sizeof(roots->scratch[0]));
    for (uint64_t n = 0; n < frame_limit; n++) {
        struct frame_state s = state_of(n);

        if (!is_unowned(&s) && s.types && type_is_level(s.type) && (s.validated || s.partial))
            count_table(&a, n, &s);
    }
    count_roots(&a);
    for (uint64_t n = 0; n < frame_limit; n++) {
        struct frame_state s = state_of(n);

        if (is_unowned(&s)) {
            check_unowned(&a, n, &s);
            continue;
        }
        check_flags(&a, n, &s);
        check_counts(&a, n, &s);
    }
    check_accounts(&a);
    if (a.found > LINES_MAX)
        printk(LOG_ERROR, "audit: and %u more\n", a.found - LINES_MAX);
    return a.found;
}
