/* SPDX-License-Identifier: MIT */
/* From a state to the small machine's words, and back; see state.h. */
#include "state.h"

#include <string.h>

#include "grants.h"
#include "mm/hv_map.h"
#include "mm/m2p.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"
#include "pt/page_type.h"
#include "small.h"

#define HOME_TABLE_WORD                                     \
    (PT_L4 * (1ull << FRAME_TYPE_SHIFT) | FRAME_VALIDATED | \
     (uint64_t)FRAME_SPANS_ALL << FRAME_SPAN_SHIFT)

static uint64_t owner_field(uint16_t id)
{
    return (uint64_t)id << FRAME_OWNER_SHIFT;
}

static bool type_is_table(unsigned type)
{
    return type >= PT_L1 && type <= PT_L4;
}

static void entries_install(unsigned g, const struct state_frame *f)
{
    uint64_t *word = frame_va(frame_mfn(g));

    small_hooks.known[g] = 0;
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        bool known = state_entry_known(f, slot);

        word[slot] = known ? entry_word(f->entry[slot], f->type) : UNREAD;
        if (f->validated && state_slot_is_hv(f->type, slot)) {
            word[slot] = 0;
            known = true;
        }
        small_hooks.known[g] |= known << slot;
    }
}

/* The spans of a validated table: just those that it must name. An L1 names all. */
static uint64_t spans_of(unsigned g, unsigned level)
{
    const uint64_t *word = frame_va(frame_mfn(g));
    uint64_t spans = level == PT_L1 ? FRAME_SPANS_ALL : 0;

    for (unsigned slot = 0; slot < SLOTS; slot++)
        if ((word[slot] & PTE_P) && !state_slot_is_hv(level, slot))
            spans |= frame_span_bit(slot);
    return level >= PT_L1 && level <= PT_L4 ? spans << FRAME_SPAN_SHIFT : 0;
}

static void frame_install(unsigned g, const struct state_frame *f, const struct state_counts *c)
{
    struct frame *to = frame_of(frame_mfn(g));
    uint64_t date = f->dated ? tlb_epoch() : (tlb_epoch() + 1) & ((1u << FRAME_EPOCH_BITS) - 1);

    small_segment[g] = false;
    if (!f->owner) {
        to->ref = owner_field(OWNER_NONE) | date << FRAME_FREED_SHIFT;
        to->type = 0;
        m2p_set(frame_mfn(g), M2P_INVALID);
        page_alloc_add(frame_mfn(g), 1);
        return;
    }
    small_domain[f->owner - 1].owner.pages++;
    small_segment[g] = f->segment;
    m2p_set(frame_mfn(g), g);
    to->ref = owner_field(small_domain[f->owner - 1].id) | (f->allocated ? FRAME_ALLOCATED : 0) |
              c->refs[g];
    to->type = (uint64_t)f->type << FRAME_TYPE_SHIFT;
    if (c->types[g] == 0)
        to->type |= f->type ? date << FRAME_NEXT_SHIFT : 0;
    else
        to->type |= (f->pinned ? FRAME_PINNED : 0) | (f->validated ? FRAME_VALIDATED : 0) |
                    (f->partial ? FRAME_PARTIAL | (uint64_t)f->next << FRAME_NEXT_SHIFT : 0) |
                    c->types[g];
    entries_install(g, f);
    if (c->types[g] && f->validated)
        to->type |= spans_of(g, f->type);
}

static void home_install(unsigned d, unsigned roots)
{
    uint64_t *word = frame_va(mfn_of(HOME + d));

    memset(word, 0, (SLOTS + 1) * sizeof(*word));
    if (d == 0)
        for (unsigned g = 0; g < config.fixed; g++)
            word[g] = pte_make(frame_mfn(g), BRANCH);
    hv_map_show_m2p(word, 1);
    frame_table[HOME + d].ref = owner_field(small_domain[d].id) | FRAME_ALLOCATED | (roots + 1);
    frame_table[HOME + d].type = roots ? HOME_TABLE_WORD | roots : 0;
    small_domain[d].owner.pages = 1;
}

static uint64_t root_of(uint8_t frame, uint64_t otherwise)
{
    return frame == NOBODY ? otherwise : mfn_to_ma(frame_mfn(frame));
}

static void vcpu_install(const struct state *s)
{
    for (unsigned i = 0; i < CPUS; i++) {
        struct vcpu *v = &small_vcpu[i];

        v->cr3_kernel = mfn_to_ma(mfn_of(HOME + small_is_other(i)));
        v->cr3_user = 0;
        v->pt_work = (struct pt_work){ 0 };
        if (i < PARKED_MAX && s->parked[i] != NOBODY)
            v->pt_work = (struct pt_work){ true, frame_mfn(s->parked[i]) };
        small_percpu[i].cr3 = v->cr3_kernel;
        small_percpu[i].flush_clock = 4;
        small_percpu[i].refusal.rule = 0;
    }
    small_vcpu[0].cr3_kernel = root_of(s->kernel_root, small_vcpu[0].cr3_kernel);
    small_vcpu[0].cr3_user = root_of(s->user_root, 0);
    small_percpu[0].cr3 = small_vcpu[0].cr3_kernel;
}

void state_install(const struct state *s)
{
    struct state_counts counts;

    small_hooks = (struct small_hooks){ .quiet = true };
    small_run(0);
    while (page_free_count())
        (void)page_alloc(0);
    frame_table[0].ref = frame_table[2].ref = owner_field(OWNER_HV);
    frame_table[1].ref = owner_field(OWNER_IO);
    for (unsigned n = HOME; n < FIRST; n++)
        frame_table[n] = (struct frame){ .ref = owner_field(OWNER_HV) };
    state_count(s, &counts);
    vcpu_install(s);
    for (unsigned d = 0; d < config.domains; d++)
        home_install(d, d ? 1 : 1 + (s->kernel_root == NOBODY));
    for (unsigned g = 0; g < config.frames; g++)
        frame_install(g, &s->frame[g], &counts);
    for (unsigned g = 0; g < config.frames; g++)
        if (type_is_table(s->frame[g].type) && s->frame[g].type == PT_L4 && s->kernel_root == g)
            hv_map_show_m2p(frame_va(frame_mfn(g)), 1);
    grants_install(s);
    if (config.tlb)
        ghost_install(s);
    small_hooks.quiet = false;
}

/* ---- back ------------------------------------------------------------------- */

static void entries_observe(unsigned g, struct state_frame *f)
{
    const uint64_t *word = frame_va(frame_mfn(g));

    for (unsigned slot = 0; slot < SLOTS; slot++) {
        int number;

        if (!state_entry_known(f, slot) || !(small_hooks.known[g] & 1u << slot))
            continue;
        number = entry_number(word[slot], f->type);
        if (number < 0)
            violation("%c[%u] holds %016lx", 'A' + g, slot, word[slot]);
        f->entry[slot] = (uint8_t)number;
    }
}

static void frame_observe(unsigned g, struct state_frame *f)
{
    uint64_t ref = frame_of(frame_mfn(g))->ref, type = frame_of(frame_mfn(g))->type;
    uint16_t owner = frame_owner(frame_mfn(g));
    uint32_t date = (uint32_t)((type & FRAME_NEXT_MASK) >> FRAME_NEXT_SHIFT);

    if (owner == OWNER_NONE) {
        f->dated = config.tlb && ref >> FRAME_FREED_SHIFT == tlb_epoch();
        return;
    }
    f->owner = owner == small_domain[0].id ? 1 : 2;
    f->segment = small_segment[g];
    f->allocated = (ref & FRAME_ALLOCATED) != 0;
    if (!(type & FRAME_TYPE_COUNT)) {
        f->dated = config.tlb && (type & FRAME_TYPE_MASK) && date == tlb_epoch();
        if (f->dated)
            f->type = (uint8_t)frame_type(frame_mfn(g));
        return;
    }
    f->type = (uint8_t)frame_type(frame_mfn(g));
    f->pinned = (type & FRAME_PINNED) != 0;
    f->validated = (type & FRAME_VALIDATED) != 0;
    f->partial = (type & FRAME_PARTIAL) != 0;
    f->next = f->partial ? (uint8_t)date : 0;
    if (f->next > SLOTS)
        violation("%c is partial up to entry %u", 'A' + g, f->next);
    entries_observe(g, f);
}

static uint8_t frame_named(uint64_t ma, uint64_t otherwise)
{
    uint64_t g = ma_to_mfn(ma).n - FIRST;

    if (ma == otherwise)
        return NOBODY;
    if (g >= config.frames)
        violation("a root or pending cleanup is frame %lx", ma_to_mfn(ma).n);
    return (uint8_t)g;
}

void state_observe(struct state *s)
{
    memset(s, 0, sizeof(*s));
    for (unsigned g = 0; g < config.frames; g++)
        frame_observe(g, &s->frame[g]);
    s->kernel_root = frame_named(small_vcpu[0].cr3_kernel, mfn_to_ma(mfn_of(HOME)));
    s->user_root = frame_named(small_vcpu[0].cr3_user, 0);
    for (unsigned i = 0; i < PARKED_MAX; i++) {
        const struct pt_work *work = &small_vcpu[i].pt_work;

        s->parked[i] = work->used ? frame_named(mfn_to_ma(work->mfn), 0) : NOBODY;
    }
    grants_observe(s);
    if (config.tlb)
        ghost_observe(s);
}
