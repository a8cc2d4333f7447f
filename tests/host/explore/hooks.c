/* SPDX-License-Identifier: MIT */
/* The hooks of hv/config/hooks.h on the small machine, and entries as numbers; see small.h. */
#include "hooks.h"

#include "grants.h"
#include "pt/page_type.h"
#include "small.h"

struct small_hooks small_hooks;

/* Present, of type LDT: refused in a page of descriptors. */
#define SYSTEM_DESCRIPTOR (0x82ull << 40)

/* ---- entries ---------------------------------------------------------------- */

uint64_t entry_word(unsigned number, unsigned level)
{
    uint64_t target;

    if (number == ENTRY_NONE)
        return 0;
    if (number == ENTRY_BAD)
        return pte_make(frame_mfn(0), BRANCH | PTE_PCD);
    target = mfn_to_ma(frame_mfn(ENTRY_FRAME(number)));
    return target | (level > 1 ? BRANCH : ENTRY_RW(number) ? LEAF_RW : LEAF_RO);
}

int entry_number(uint64_t word, unsigned level)
{
    uint64_t g = pte_mfn(word).n - FIRST;

    if (!(word & PTE_P)) /* "A and D kept" keeps them in an entry that names nothing, too */
        return word & ~(PTE_A | PTE_D) ? -1 : (int)ENTRY_NONE;
    if (word == entry_word(ENTRY_BAD, level))
        return ENTRY_BAD;
    if (g >= config.frames)
        return -1;
    if (config.grants && level == 1) /* the flags of a granted one are of no interest */
        return (int)ENTRY_OF(g, (word & PTE_RW) != 0);
    for (unsigned rw = level > 1; rw < 2; rw++)
        if (word == entry_word(ENTRY_OF(g, rw), level))
            return (int)ENTRY_OF(g, rw);
    return -1;
}

/* ---- hooks ------------------------------------------------------------------ */

bool hook_preempt(void)
{
    if (small_hooks.check)
        return !small_hooks.quiet && small_hooks.check();
    if (small_hooks.quiet || small_hooks.no_preempt || !choose(CHOICE_PREEMPT, 2)->made)
        return false;
    small_hooks.preempted = true;
    return true;
}

/*
 * The short ways through common requests: taken and not taken, if every route is wanted; not taken
 * where failures are injected, as they have no step that fails.
 */
bool hook_fast(void)
{
    if (small_hooks.quiet || small_hooks.general)
        return false;
    if (!config.by_va)
        return !config.faults;
    small_hooks.fast = !choose(CHOICE_WAY, 2)->made;
    return small_hooks.fast;
}

bool hook_fail(void)
{
    if (small_hooks.quiet || !config.faults || small_hooks.failed)
        return false;
    small_hooks.failed = choose(CHOICE_FAIL, 2)->made;
    return small_hooks.failed;
}

/* The content of a page that its guest may have written is decided when it is first looked at. */
static void word_decide(unsigned g, unsigned slot)
{
    enum page_type level = frame_type(frame_mfn(g));
    unsigned of = level == PT_SEG ? 2 : level == PT_L1 ? 2 * config.frames + 2 : config.frames + 2;
    struct choice *c = choose(CHOICE_CONTENT, of);

    c->frame = (uint8_t)g;
    c->slot = (uint8_t)slot;
    c->level = (uint8_t)level;
    if (c->made == 0)
        c->value = ENTRY_NONE;
    else if (c->made == of - 1)
        c->value = ENTRY_BAD;
    else
        c->value = (uint8_t)(level == PT_L1 ? c->made : ENTRY_OF(c->made - 1, 1));
    small_hooks.known[g] |= 1u << slot;
    ((uint64_t *)frame_va(frame_mfn(g)))[slot] =
        level == PT_SEG && c->value ? SYSTEM_DESCRIPTOR : entry_word(c->value, level);
}

uint64_t hook_guest_read64(const uint64_t *word)
{
    uint64_t g = frame_of_va(word).n - FIRST;
    unsigned slot = ((uintptr_t)word & (PAGE_SIZE - 1)) / sizeof(*word);

    if (!small_hooks.quiet && grants_word_decide(word))
        return *(const volatile uint64_t *)word;
    if (config.tlb && !small_hooks.quiet)
        ghost_read(word);
    if (!small_hooks.quiet && g < config.frames && slot < SLOTS &&
        !(small_hooks.known[g] & 1u << slot))
        word_decide((unsigned)g, slot);
    return *(const volatile uint64_t *)word;
}

void hook_shared_access(void)
{
    if (small_hooks.shared)
        small_hooks.shared();
}

void hook_reschedule(void)
{
    if (++small_hooks.waits > 1000)
        violation("cleanup does not come to an end");
    if (small_hooks.wait)
        small_hooks.wait();
}
