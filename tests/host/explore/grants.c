/* SPDX-License-Identifier: MIT */
/* Grants on the small machine: the tables, as words and as a state; see grants.h. */
#include "grants.h"

#include <string.h>

#include "dom/gnttab.h"
#include "pt/page_type.h"
#include "small.h"

#define MAPPER  (&small_domain[0])
#define GRANTER (&small_domain[1])

/* Frames set aside: the granter's entries, then pages that are the hypervisor's. */
#define SHARED_FRAME (HOME + DOMAINS)
enum { OF_MAPPER = SHARED_FRAME + 1, OF_GRANTER, ACTIVE_LOW, ACTIVE_HIGH, HANDLE_PAGES, HANDLES };
_Static_assert(!GRANT_PAGES || HANDLES < FIRST, "frames that are set aside");

/* Of each entry in this step: what the granter wrote has been read; it was in use before. */
static bool decided[GRANT_REFS], in_use[GRANT_REFS];

static void *page(unsigned n)
{
    return frame_va(mfn_of(n));
}

static uint64_t *entry_at(unsigned ref)
{
    return (uint64_t *)page(SHARED_FRAME) + ref;
}

static struct grant_active *active_at(unsigned ref)
{
    return (struct grant_active *)page(ACTIVE_LOW) + ref;
}

static struct grant_handle *handle_at(unsigned n)
{
    return (struct grant_handle *)page(HANDLES) + n;
}

/* The last free handles are always in the same order. */
void grants_start(void)
{
    if (!config.grants)
        return;
    domain_list = GRANTER;
    GRANTER->next = MAPPER;
    for (unsigned n = 0; n < GNTTAB_HANDLES; n++)
        *handle_at(n) = (struct grant_handle){ .ref = n + 1 };
}

static uint32_t pins_of(unsigned handle)
{
    return ((handle & HANDLE_DEVICE) ? handle & HANDLE_RO ? GRANT_DEV_READ : GRANT_DEV_WRITE : 0) +
           ((handle & HANDLE_HOST) ? handle & HANDLE_RO ? GRANT_HOST_READ : GRANT_HOST_WRITE : 0);
}

static uint16_t flags_of(unsigned handle)
{
    return (uint16_t)((handle & HANDLE_DEVICE ? GNTMAP_device_map : 0) |
                      (handle & HANDLE_HOST ? GNTMAP_host_map : 0) |
                      (handle & HANDLE_RO ? GNTMAP_readonly : 0) |
                      (handle & HANDLE_PTE ? GNTMAP_contains_pte : 0));
}

static unsigned handle_of(const struct grant_handle *h)
{
    return (h->flags & GNTMAP_device_map ? HANDLE_DEVICE : 0) |
           (h->flags & GNTMAP_host_map ? HANDLE_HOST : 0) |
           (h->flags & GNTMAP_readonly ? HANDLE_RO : 0) |
           (h->flags & GNTMAP_contains_pte ? HANDLE_PTE : 0) | h->ref << 4;
}

static uint64_t marks_of(uint32_t pins)
{
    return (pins ? GTF_reading : 0) | (pins & GRANT_WRITERS ? GTF_writing : 0);
}

static void granter_install(const struct state *s)
{
    struct gnttab *gt = page(OF_GRANTER);

    memset(gt, 0, sizeof(*gt));
    GRANTER->gnttab = gt;
    GRANTER->owner.lent = 1;
    gt->frames = 1;
    gt->shared[0] = page(SHARED_FRAME);
    gt->active[0] = page(ACTIVE_LOW);
    gt->active[1] = page(ACTIVE_HIGH);
    frame_table[SHARED_FRAME].ref = (uint64_t)GRANTER->id << FRAME_OWNER_SHIFT | FRAME_ALLOCATED |
                                    FRAME_HV_SHARED | 2;
    frame_table[SHARED_FRAME].type = (uint64_t)PT_WRITABLE << FRAME_TYPE_SHIFT | FRAME_VALIDATED |
                                     1;
    for (unsigned ref = 0; ref < GRANT_REFS; ref++) {
        struct grant_active *act = active_at(ref);

        *act = (struct grant_active){ 0 };
        if (s->grant[ref] == NOBODY)
            continue;
        gt->in_use++;
        act->domid = MAPPER->id;
        act->frame = frame_mfn(s->grant[ref]);
        for (unsigned i = 0; i < GRANT_HANDLES; i++)
            if (s->handle[i] && HANDLE_REF(s->handle[i]) == ref)
                act->pins += pins_of(s->handle[i]);
    }
}

static void mapper_install(const struct state *s)
{
    struct gnttab *gt = page(OF_MAPPER);
    unsigned n = 0;

    memset(gt, 0, sizeof(*gt));
    MAPPER->gnttab = gt;
    gt->handle_page = page(HANDLE_PAGES);
    gt->handle_page[0] = page(HANDLES);
    gt->handle_pages = 1;
    while (n < GRANT_HANDLES && s->handle[n]) {
        *handle_at(n) =
            (struct grant_handle){ HANDLE_REF(s->handle[n]), GRANTER->id, flags_of(s->handle[n]) };
        n++;
    }
    gt->handles = gt->handle_first = n;
    for (; n <= GRANT_HANDLES; n++)
        *handle_at(n) = (struct grant_handle){ .ref = n + 1 };
    gt->handle_last = GNTTAB_HANDLES - 1;
    *handle_at(GNTTAB_HANDLES - 1) = (struct grant_handle){ .ref = GNTTAB_NO_HANDLE };
}

void grants_install(const struct state *s)
{
    if (!config.grants)
        return;
    granter_install(s);
    mapper_install(s);
    for (unsigned ref = 0; ref < GRANT_REFS; ref++) {
        *entry_at(ref) = marks_of(active_at(ref)->pins);
        decided[ref] = false;
        in_use[ref] = active_at(ref)->pins;
    }
}

void grants_observe(struct state *s)
{
    unsigned live = 0;

    for (unsigned ref = 0; ref < GRANT_REFS; ref++)
        s->grant[ref] = NOBODY;
    if (!config.grants)
        return;
    for (unsigned ref = 0; ref < GRANT_REFS; ref++) {
        uint64_t g = active_at(ref)->frame.n - FIRST;

        if (!active_at(ref)->pins)
            continue;
        if (g >= config.frames)
            violation("entry %u is in use for frame %lx", ref, active_at(ref)->frame.n);
        s->grant[ref] = (uint8_t)g;
    }
    for (unsigned n = 0; n <= GRANT_HANDLES; n++) {
        unsigned at = live, h = handle_of(handle_at(n));

        if (!handle_at(n)->flags)
            continue;
        if (++live > GRANT_HANDLES)
            violation("more handles are live than were given");
        for (; at > 0 && s->handle[at - 1] < h; at--)
            s->handle[at] = s->handle[at - 1];
        s->handle[at] = (uint8_t)h;
    }
}

void grants_count(const struct state *s, struct state_counts *c)
{
    for (unsigned i = 0; i < GRANT_HANDLES; i++) {
        unsigned h = s->handle[i], g = s->grant[HANDLE_REF(h)];

        if (!(h & HANDLE_DEVICE) || g == NOBODY)
            continue;
        c->refs[g]++;
        c->types[g] += !(h & HANDLE_RO);
    }
}

void grants_words(uint64_t *words)
{
    struct state s = { 0 };

    if (!config.grants)
        return;
    grants_observe(&s);
    *words++ = MAPPER->gnttab->handles;
    *words++ = GRANTER->gnttab->in_use;
    for (unsigned i = 0; i < GRANT_HANDLES; i++)
        words[0] = words[0] << 8 | s.handle[i];
    words[1] = GRANTER->owner.lent;
    for (unsigned ref = 0; ref < GRANT_REFS; ref++) {
        words[2 + 3 * ref] = active_at(ref)->pins;
        words[3 + 3 * ref] = active_at(ref)->frame.n;
        words[4 + 3 * ref] = *entry_at(ref) & (GTF_reading | GTF_writing);
    }
}

/* What the granter may have written: nothing, something for another domain, each frame to write or read. */
static void word_choose(unsigned ref, uint64_t frame, bool ro, uint16_t domid)
{
    *entry_at(ref) |= frame << 32 | (uint64_t)domid << 16 | GTF_permit_access |
                      (ro ? GTF_readonly : 0);
}

bool grants_word_decide(const uint64_t *word)
{
    uint64_t at = (uint64_t)(word - entry_at(0));
    unsigned ref = (unsigned)at;
    struct grant_active *act;
    struct choice *c;

    if (!config.grants || at >= GRANT_REFS)
        return false;
    if (decided[ref])
        return true;
    act = active_at(ref);
    c = choose(CHOICE_GRANT, act->pins ? 2 : 2 + 2 * config.frames);
    c->slot = (uint8_t)ref;
    decided[ref] = true;
    if (act->pins) /* only whether it may be written to is still asked */
        word_choose(ref, act->frame.n, c->made, MAPPER->id);
    else if (c->made == 1)
        word_choose(ref, frame_mfn(config.frames - 1).n, false, GRANTER->id);
    else if (c->made)
        word_choose(ref, frame_mfn((c->made - 2u) / 2).n, c->made & 1, MAPPER->id);
    if (act->pins || c->made > 1)
        c->value =
            (uint8_t)ENTRY_OF((*entry_at(ref) >> 32) - FIRST, !(*entry_at(ref) & GTF_readonly));
    return true;
}

/* What was read in this step allows what is in use after it. */
static bool is_allowed(unsigned ref, const struct grant_active *act)
{
    uint64_t word = *entry_at(ref);

    if (decided[ref] && (word & GTF_readonly) && (act->pins & GRANT_WRITERS))
        return false;
    return !act->pins || in_use[ref] ||
           (decided[ref] && (word & GTF_type_mask) == GTF_permit_access &&
            (uint16_t)(word >> 16) == MAPPER->id && word >> 32 == act->frame.n);
}

void grants_check(void)
{
    for (unsigned ref = 0; config.grants && ref < GRANT_REFS; ref++) {
        const struct grant_active *act = active_at(ref);
        uint64_t marks = *entry_at(ref) & (GTF_reading | GTF_writing);

        if (marks != marks_of(act->pins))
            violation("entry %u has marks %lx, with pins %x", ref, marks, act->pins);
        if (!is_allowed(ref, act))
            violation("entry %u holds %lx, and is in use with pins %x for frame %lx", ref,
                      *entry_at(ref), act->pins, act->frame.n);
    }
}

void grants_end(void)
{
    for (unsigned d = 0; config.grants && d < DOMAINS; d++) {
        if (!gnttab_idle(&small_domain[d]))
            violation("an entry of d%u's is in use when all are dead", small_domain[d].id);
        gnttab_destroy(&small_domain[d]);
        if (small_domain[d].owner.lent)
            violation("d%u's grant table is not free", small_domain[d].id);
    }
}
