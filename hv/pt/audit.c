/* SPDX-License-Identifier: MIT */
/*
 * Recount and compare; see audit.h. Two passes over the frame table: count what tables, pins, partial
 * flags and the caller's list stand for; compare each frame, and each owner's account.
 */
#include "pt/audit.h"

#include "lib/printk.h"
#include "mm/page_alloc.h"

#define LINES_MAX 16u

#define FLAGS              (FRAME_PINNED | FRAME_VALIDATED | FRAME_PARTIAL | FRAME_LOCKED)
#define TYPE_OF(type_word) ((unsigned)(((type_word)&FRAME_TYPE_MASK) >> FRAME_TYPE_SHIFT))

void audit_differs(struct audit *a, const char *rule, const char *where, uint64_t at,
                   const char *what, uint64_t found, uint64_t expected)
{
    char slot[8] = "";

    if (a->found++ >= LINES_MAX)
        return;
    if ((at & AUDIT_NO_SLOT) != AUDIT_NO_SLOT)
        snprintk(slot, sizeof(slot), "[%u]", (unsigned)(at & AUDIT_NO_SLOT));
    printk(LOG_ERROR, "audit: %s: %s %lx%s: %s is %lx, expected %lx\n", rule, where, at >> 12, slot,
           what, found, expected);
}

void audit_end(const struct audit *a)
{
    if (a->found > LINES_MAX)
        printk(LOG_ERROR, "audit: and %u more\n", a->found - LINES_MAX);
}

/* A line about frame n as a whole. */
static void differs(struct audit *a, const char *rule, uint64_t n, const char *what, uint64_t found,
                    uint64_t expected)
{
    audit_differs(a, rule, "frame", AUDIT_AT(n), what, found, expected);
}

/* ---- first pass: count ---- */

static void count_root(void *arg, const struct audit_ref *ref)
{
    uint64_t n = ref->mfn.n, type;
    struct audit *a = arg;

    audit_count_ref(a, ref->what, AUDIT_AT(n), n, ref->type != PT_NONE);
    if (ref->type == PT_NONE || n >= frame_limit)
        return;
    type = frame_table[n].type;
    if (TYPE_OF(type) != ref->type)
        audit_differs(a, "one-type", ref->what, AUDIT_AT(n), "type", TYPE_OF(type), ref->type);
    else if (!(type & FRAME_VALIDATED))
        audit_differs(a, "validated", ref->what, AUDIT_AT(n), "validated flag", 0, 1);
}

static void count_roots(struct audit *a)
{
    const struct audit_roots *r = a->roots;

    for (unsigned i = 0; i < r->refs_count; i++)
        count_root(a, &r->refs[i]);
    if (r->more_refs)
        r->more_refs(count_root, a);
    for (unsigned i = 0; i < r->works_count; i++) {
        uint64_t n = r->works[i]->mfn.n;

        if (!r->works[i]->used)
            continue;
        audit_count_ref(a, "pending cleanup", AUDIT_AT(n), n, false);
        if (r->at_rest)
            audit_differs(a, "exact-counts", "pending cleanup", AUDIT_AT(n), "vCPU at rest", i,
                          ~0ul);
    }
}

static void count_all(struct audit *a)
{
    __builtin_memset(a->roots->scratch, 0, frame_limit * sizeof(a->roots->scratch[0]));
    for (uint64_t n = 0; n < frame_limit; n++)
        if (audit_counted(frame_table[n].type) && !audit_unowned(frame_table[n].ref))
            audit_page(a, n, frame_table[n].type);
    count_roots(a);
}

/* ---- second pass: compare ---- */

/* Nobody's: not free, but RAM of the hypervisor's or none at all, or free. Nothing counts it. */
static void check_unowned(struct audit *a, uint64_t n, uint64_t ref, uint64_t type)
{
    const struct audit_count *c = &a->roots->scratch[n];

    if (ref & (FRAME_REF_COUNT | FRAME_ALLOCATED | FRAME_HV_SHARED))
        differs(a, "owner", n, "reference word", ref, ref & FRAME_OWNER_MASK);
    if (c->refs)
        differs(a, "owner", n, "references", c->refs, 0);
    /* The type word of a free frame belongs to the allocator. */
    if ((uint16_t)(ref >> FRAME_OWNER_SHIFT) != OWNER_NONE && type)
        differs(a, "one-type", n, "type word", type, 0);
}

bool audit_state_right(uint64_t type)
{
    uint64_t count = type & FRAME_TYPE_COUNT;
    bool partial = type & FRAME_PARTIAL, pinned = type & FRAME_PINNED;

    if (!count)
        return !(type & FLAGS);
    if ((type & FRAME_LOCKED) || !(type & FRAME_VALIDATED) == !partial)
        return false;
    switch (TYPE_OF(type)) {
    case PT_L1:
    case PT_L2:
    case PT_L3:
    case PT_L4:
        return !partial || (count == 1 && !pinned);
    case PT_SEG:
    case PT_WRITABLE:
        return !partial && !pinned;
    default:
        return false;
    }
}

static void check_frame(struct audit *a, uint64_t n, uint64_t ref, uint64_t type)
{
    const struct audit_count *c = &a->roots->scratch[n];
    uint64_t own = !!(type & FRAME_PINNED) + !!(type & FRAME_PARTIAL);
    uint64_t refs = (uint64_t)c->refs + !!(ref & FRAME_ALLOCATED) + own;
    uint64_t types = (uint64_t)c->types + own;

    if (!audit_state_right(type))
        differs(a, "validated", n, "type and flags", type >> FRAME_TYPE_SHIFT,
                (type & FRAME_TYPE_MASK) >> FRAME_TYPE_SHIFT);
    if ((ref & FRAME_REF_COUNT) != refs)
        differs(a, "exact-counts", n, "general count", ref & FRAME_REF_COUNT, refs);
    if ((type & FRAME_TYPE_COUNT) != types)
        differs(a, "exact-counts", n, "type count", type & FRAME_TYPE_COUNT, types);
    if ((ref & FRAME_REF_COUNT) > FRAME_REF_MAX || (type & FRAME_TYPE_COUNT) > FRAME_TYPE_MAX)
        differs(a, "exact-counts", n, "count beyond its field", ref, 0);
}

/* From here on frames are this owner's: finds its account. */
static void owner_met(struct audit *a, uint64_t n, uint16_t id)
{
    unsigned slot = 0;

    while (slot < OWNER_MAX && !(owner_at(slot) && owner_at(slot)->id == id))
        slot++;
    if (slot == OWNER_MAX)
        differs(a, "owner", n, "owner, unknown,", id, OWNER_NONE);
    a->owner = id;
    a->slot = slot;
}

static void check_accounts(struct audit *a)
{
    for (unsigned i = 0; i < OWNER_MAX; i++) {
        const struct owner *o = owner_at(i);

        if (!o)
            continue;
        if (o->pages != a->pages[i])
            audit_differs(a, "owner", "domain", AUDIT_AT(o->id), "account", o->pages, a->pages[i]);
        if (o->pages > o->max_pages)
            audit_differs(a, "owner", "domain", AUDIT_AT(o->id), "account over quota", o->pages,
                          o->max_pages);
    }
}

static void compare_all(struct audit *a)
{
    uint64_t free_frames = 0;

    a->owner = OWNER_NONE;
    for (uint64_t n = 0; n < frame_limit; n++) {
        uint64_t ref = frame_table[n].ref, type = frame_table[n].type;

        if (audit_unowned(ref)) {
            free_frames += (uint16_t)(ref >> FRAME_OWNER_SHIFT) == OWNER_NONE;
            check_unowned(a, n, ref, type);
            continue;
        }
        check_frame(a, n, ref, type);
        if (owner_is_firmware((uint16_t)(ref >> FRAME_OWNER_SHIFT))) { /* in nobody's account */
            if (!(ref & FRAME_ALLOCATED))
                differs(a, "owner", n, "reference word", ref, ref | FRAME_ALLOCATED);
            continue;
        }
        if (a->owner != (uint16_t)(ref >> FRAME_OWNER_SHIFT))
            owner_met(a, n, (uint16_t)(ref >> FRAME_OWNER_SHIFT));
        a->pages[a->slot] += !(ref & FRAME_HV_SHARED);
    }
    if (free_frames != page_free_count())
        audit_differs(a, "free-list", "allocator", AUDIT_AT(0), "number of free frames",
                      page_free_count(), free_frames);
}

void audit_tables(struct audit *a)
{
    count_all(a);
    compare_all(a);
    check_accounts(a);
}

unsigned audit_run(const struct audit_roots *roots)
{
    struct audit a = { .roots = roots };

    audit_tables(&a);
    audit_end(&a);
    return a.found;
}
