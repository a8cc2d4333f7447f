/* SPDX-License-Identifier: MIT */
/* States as numbers: counts, codes, and the names of frames that do not matter; see state.h. */
#include "state.h"

#include <string.h>

#include "grants.h"
#include "pt/page_type.h"
#include "small.h"

static bool type_is_table(unsigned type)
{
    return type >= PT_L1 && type <= PT_L4;
}

bool state_slot_is_hv(unsigned level, unsigned slot)
{
    return level == PT_L4 && slot >= PT_HV_SLOT_FIRST && slot <= PT_HV_SLOT_LAST;
}

bool state_entry_counted(const struct state_frame *f, unsigned slot)
{
    return type_is_table(f->type) && !state_slot_is_hv(f->type, slot) &&
           (f->validated || (f->partial && slot < f->next));
}

bool state_entry_known(const struct state_frame *f, unsigned slot)
{
    return type_is_table(f->type) && !state_slot_is_hv(f->type, slot) &&
           (f->validated || (f->partial && slot <= f->next));
}

void state_count(const struct state *s, struct state_counts *c)
{
    memset(c, 0, sizeof(*c));
    for (unsigned g = 0; g < config.frames; g++) {
        const struct state_frame *f = &s->frame[g];

        c->refs[g] += f->allocated + f->pinned + f->partial + f->segment;
        c->types[g] += f->pinned + f->partial + f->segment;
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            unsigned e = f->entry[slot];

            if (e == ENTRY_NONE || e == ENTRY_BAD || !state_entry_counted(f, slot))
                continue;
            c->refs[ENTRY_FRAME(e)]++;
            c->types[ENTRY_FRAME(e)] += ENTRY_RW(e);
        }
    }
    if (config.grants)
        grants_count(s, c);
    for (unsigned g = 0; g < config.fixed; g++)
        c->refs[g]++, c->types[g]++; /* the home root's entry */
    if (s->kernel_root != NOBODY)
        c->refs[s->kernel_root]++, c->types[s->kernel_root]++;
    if (s->user_root != NOBODY)
        c->refs[s->user_root]++, c->types[s->user_root]++;
    for (unsigned i = 0; i < PARKED_MAX; i++)
        if (s->parked[i] != NOBODY)
            c->refs[s->parked[i]]++;
}

/* ---- codes ------------------------------------------------------------------ */

static void put(state_code *code, unsigned bits, unsigned value)
{
    *code = *code << bits | value;
}

static unsigned take(state_code *code, unsigned bits)
{
    unsigned value = (unsigned)*code & ((1u << bits) - 1);

    *code >>= bits;
    return value;
}

/* With grants there is no room for what is always the same: cleanup that waits, and a fixed table. */
static bool is_given(unsigned g)
{
    return config.grants && g < config.fixed;
}

static void grants_pack(state_code *code, const struct state *s)
{
    for (unsigned ref = 0; ref < GRANT_REFS; ref++)
        put(code, 4, s->grant[ref]);
    for (unsigned i = 0; i < GRANT_HANDLES; i++)
        put(code, 5, s->handle[i]);
}

static void grants_unpack(state_code *code, struct state *s)
{
    for (unsigned i = GRANT_HANDLES; i-- > 0;)
        s->handle[i] = (uint8_t)take(code, 5);
    for (unsigned ref = GRANT_REFS; ref-- > 0;)
        s->grant[ref] = (uint8_t)take(code, 4);
}

state_code state_pack(const struct state *s)
{
    state_code code = 0;

    for (unsigned g = 0; g < config.frames; g++) {
        const struct state_frame *f = &s->frame[g];

        if (!is_given(g)) {
            put(&code, 2, f->owner);
            put(&code, 8,
                f->allocated | f->pinned << 1 | f->validated << 2 | f->partial << 3 | f->next << 4 |
                    f->dated << 6 | f->segment << 7);
            put(&code, 3, f->type);
        }
        for (unsigned slot = 0; slot < SLOTS; slot++)
            put(&code, 4, f->entry[slot]);
        if (config.tlb)
            put(&code, 5, f->leaf | f->table << 2);
    }
    put(&code, 8, s->kernel_root | s->user_root << 4);
    if (config.grants)
        grants_pack(&code, s);
    else
        put(&code, 8, s->parked[0] | s->parked[1] << 4);
    return code;
}

void state_unpack(state_code code, struct state *s)
{
    unsigned bits;

    memset(s, 0, sizeof(*s));
    s->parked[0] = s->parked[1] = NOBODY;
    if (config.grants) {
        grants_unpack(&code, s);
    } else {
        bits = take(&code, 8);
        s->parked[0] = bits & 15;
        s->parked[1] = bits >> 4 & 15;
    }
    bits = take(&code, 8);
    s->kernel_root = bits & 15;
    s->user_root = bits >> 4 & 15;
    for (unsigned g = config.frames; g-- > 0;) {
        struct state_frame *f = &s->frame[g];

        if (config.tlb) {
            bits = take(&code, 5);
            f->leaf = bits & 3;
            f->table = bits >> 2 & 7;
        }
        for (unsigned slot = SLOTS; slot-- > 0;)
            f->entry[slot] = (uint8_t)take(&code, 4);
        if (is_given(g)) {
            f->type = PT_L3;
            f->validated = f->allocated = f->owner = 1;
            continue;
        }
        f->type = (uint8_t)take(&code, 3);
        bits = take(&code, 8);
        f->allocated = bits & 1;
        f->pinned = bits >> 1 & 1;
        f->validated = bits >> 2 & 1;
        f->partial = bits >> 3 & 1;
        f->next = bits >> 4 & 3;
        f->dated = bits >> 6 & 1;
        f->segment = bits >> 7 & 1;
        f->owner = (uint8_t)take(&code, 2);
    }
}

/* ---- names ------------------------------------------------------------------ */

static uint8_t renamed(uint8_t frame, const uint8_t *name)
{
    return frame == NOBODY ? NOBODY : name[frame];
}

static void rename_frames(const struct state *s, const uint8_t *name, struct state *to)
{
    for (unsigned g = 0; g < config.frames; g++) {
        struct state_frame *f = &to->frame[name[g]];

        *f = s->frame[g];
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            unsigned e = f->entry[slot];

            if (e != ENTRY_NONE && e != ENTRY_BAD)
                f->entry[slot] = (uint8_t)ENTRY_OF(name[ENTRY_FRAME(e)], ENTRY_RW(e));
        }
    }
    to->kernel_root = renamed(s->kernel_root, name);
    to->user_root = renamed(s->user_root, name);
    for (unsigned i = 0; i < PARKED_MAX; i++)
        to->parked[i] = renamed(s->parked[i], name);
    for (unsigned ref = 0; ref < GRANT_REFS; ref++)
        to->grant[ref] = renamed(s->grant[ref], name);
    memcpy(to->handle, s->handle, sizeof(to->handle));
}

/* What can be said of a frame without names: frames that differ in it cannot change places. */
static uint64_t signature(const struct state *s, const struct state_counts *c, unsigned g)
{
    const struct state_frame *f = &s->frame[g];
    uint64_t sig = f->owner | f->allocated << 2 | f->pinned << 3 | f->validated << 4 |
                   f->partial << 5 | f->next << 6 | f->dated << 8 | f->type << 9 | f->leaf << 12 |
                   f->table << 14 | f->segment << 17;

    for (unsigned slot = 0; slot < SLOTS; slot++) {
        unsigned e = f->entry[slot];
        unsigned kind = e == ENTRY_NONE ? 0 : e == ENTRY_BAD ? 1 : 2 + ENTRY_RW(e);

        sig = sig << 3 | (kind >= 2 && ENTRY_FRAME(e) == g ? 4 : 0) | kind;
    }
    sig = sig << 10 | (s->grant[0] == g) << 9 | (s->grant[1] == g) << 8 | c->refs[g] << 4 |
          c->types[g];
    return sig << 4 | (s->kernel_root == g) | (s->user_root == g) << 1 | (s->parked[0] == g) << 2 |
           (s->parked[1] == g) << 3;
}

struct naming {
    const struct state *s;
    uint64_t sig[FRAMES_MAX];
    uint8_t order[FRAMES_MAX]; /* order[name] = frame */
    state_code least;
    uint8_t best[FRAMES_MAX];
    bool any;
};

static void naming_try(struct naming *n)
{
    uint8_t name[FRAMES_MAX];
    struct state to;
    state_code code;

    for (unsigned i = 0; i < config.frames; i++)
        name[n->order[i]] = (uint8_t)i;
    memset(&to, 0, sizeof(to));
    rename_frames(n->s, name, &to);
    code = state_pack(&to);
    if (n->any && code >= n->least)
        return;
    n->any = true;
    n->least = code;
    memcpy(n->best, name, sizeof(name));
}

static void exchange(uint8_t *a, uint8_t *b)
{
    uint8_t c = *a;

    *a = *b;
    *b = c;
}

/* Every order within each group of equal signatures. */
static void naming_permute(struct naming *n, unsigned at)
{
    if (at == config.frames) {
        naming_try(n);
        return;
    }
    for (unsigned i = at; i < config.frames && n->sig[n->order[i]] == n->sig[n->order[at]]; i++) {
        exchange(&n->order[at], &n->order[i]);
        naming_permute(n, at + 1);
        exchange(&n->order[at], &n->order[i]);
    }
}

state_code state_canonical(const struct state *s, uint8_t *name)
{
    struct naming n = { .s = s };
    struct state_counts counts;

    state_count(s, &counts);
    for (unsigned g = 0; g < config.frames; g++) {
        unsigned at = g;

        n.sig[g] = g < config.fixed ? g : 1ull << 60 | signature(s, &counts, g);
        for (; at > 0 && n.sig[n.order[at - 1]] > n.sig[g]; at--)
            n.order[at] = n.order[at - 1];
        n.order[at] = (uint8_t)g;
    }
    naming_permute(&n, 0);
    if (name)
        memcpy(name, n.best, sizeof(n.best));
    return n.least;
}
