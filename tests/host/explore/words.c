/* SPDX-License-Identifier: MIT */
/* The small machine word by word; see words.h. */
#include "words.h"

#include <string.h>

#include "pt/page_type.h"

static struct frame frame_words(uint64_t n)
{
    struct frame f = frame_table[n];

    if ((uint16_t)(f.ref >> FRAME_OWNER_SHIFT) == OWNER_NONE)
        return (struct frame){ .ref = f.ref & ~FRAME_FREED_MASK };
    if (f.type & FRAME_VALIDATED)
        f.type &= ~FRAME_NEXT_MASK; /* its spans: more than there are do not matter */
    if (!(f.type & FRAME_TYPE_COUNT))
        f.type &= ~(FRAME_NEXT_MASK | FRAME_TYPE_MASK);
    return f;
}

static void entry_words(unsigned g, uint64_t *words)
{
    const uint64_t *word = frame_va(frame_mfn(g));
    enum page_type level = frame_type(frame_mfn(g));
    uint64_t type = frame_of(frame_mfn(g))->type;
    /* Entries of grants have no other flags than these in common with what guests write. */
    uint64_t same = config.grants ? PTE_ADDR_MASK | PTE_P | PTE_RW : ~0ul;
    unsigned end = type & FRAME_PARTIAL ? (unsigned)((type & FRAME_NEXT_MASK) >> FRAME_NEXT_SHIFT)
                                        : SLOTS;

    if (frame_owner(frame_mfn(g)) == OWNER_NONE || !(type & FRAME_TYPE_COUNT) || level < PT_L1 ||
        level > PT_L4)
        return;
    for (unsigned slot = 0; slot < SLOTS && slot < end; slot++)
        if (!state_slot_is_hv(level, slot))
            words[slot] = word[slot] & PTE_P ? word[slot] & same : 0;
}

void words_take(struct words *w)
{
    memset(w, 0, sizeof(*w));
    for (uint64_t n = HOME; n < frame_limit; n++)
        w->frame[n] = frame_words(n);
    for (unsigned g = 0; g < config.frames; g++)
        entry_words(g, w->entry[g]);
    for (unsigned d = 0; d < config.domains; d++)
        w->pages[d] = small_domain[d].owner.pages;
    for (unsigned i = 0; i < CPUS; i++) {
        const struct vcpu *v = &small_vcpu[i];

        w->roots[i][0] = v->cr3_kernel;
        w->roots[i][1] = v->cr3_user;
        w->parked[i] = v->pt_work.used ? v->pt_work.mfn.n : 0;
    }
    grants_words(w->grants);
}

bool words_same(const struct words *a, const struct words *b)
{
    return !memcmp(a, b, sizeof(*a));
}
