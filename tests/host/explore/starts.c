/* SPDX-License-Identifier: MIT */
/*
 * Where two CPUs start from; see starts.h. Frame A is an L3 under the root that both have loaded, and
 * stays one; B to E are whatever the state says.
 */
#include "starts.h"

#include <string.h>

#include "pt/page_type.h"
#include "small.h"

enum { A, B, C, D, E };

#define RW(g) ENTRY_OF(g, 1)
#define RO(g) ENTRY_OF(g, 0)
#define PAGE                       \
    {                              \
        .owner = 1, .allocated = 1 \
    }
#define MAPPED                                                          \
    {                                                                   \
        .owner = 1, .allocated = 1, .type = PT_WRITABLE, .validated = 1 \
    }
#define GIVEN_BACK                                      \
    {                                                   \
        .owner = 1, .type = PT_WRITABLE, .validated = 1 \
    }
#define TABLE(level, ...)                                                                         \
    {                                                                                             \
        .owner = 1, .allocated = 1, .type = PT_L##level, .validated = 1, .entry = { __VA_ARGS__ } \
    }
#define PINNED(level, ...)                                                                       \
    {                                                                                            \
        .owner = 1, .allocated = 1, .type = PT_L##level, .pinned = 1, .validated = 1, .entry = { \
            __VA_ARGS__                                                                          \
        }                                                                                        \
    }
#define NO_ROOTS .kernel_root = NOBODY, .user_root = NOBODY, .parked = { NOBODY, NOBODY }

const struct start starts[] = {
    {
        "a page is mapped writable; another one could be an L1 that maps it too",
        { .frame = { TABLE(3, RW(B)), TABLE(2, RW(C)), TABLE(1, RW(D)), MAPPED, PAGE }, NO_ROOTS },
        .content = { [E] = { ENTRY_NONE, RW(D) } },
    },
    {
        "an L2 and its L1 are pinned; a page that the L1 maps read-only could be an L1",
        { .frame = { TABLE(3, RW(B)), PINNED(2, RW(C)), PINNED(1, RO(D)), PAGE, PAGE }, NO_ROOTS },
        .content = { [D] = { RW(E) } },
    },
    {
        "no tables yet: B could be an L2 of C and D, which share the page E",
        { .frame = { TABLE(3, ENTRY_NONE), PAGE, PAGE, PAGE, PAGE }, NO_ROOTS },
        .content = { [B] = { RW(C), RW(D) }, [C] = { RW(E) }, [D] = { RW(E), ENTRY_NONE } },
    },
    {
        "an L2 is partial: its first entry counts, its second is still to be validated",
        { .frame = { TABLE(3, ENTRY_NONE),
                     { .owner = 1,
                       .allocated = 1,
                       .type = PT_L2,
                       .partial = 1,
                       .next = 1,
                       .entry = { RW(C), RW(D) } },
                     TABLE(1, RW(E)),
                     PAGE,
                     MAPPED },
          NO_ROOTS },
        .content = { [D] = { RW(E) } },
    },
    {
        "a tree of four levels is loaded on CPU 0",
        { .frame = { TABLE(3, ENTRY_NONE), TABLE(4, RW(C)), TABLE(3, RW(D)), TABLE(2, RW(E)),
                     TABLE(1, RO(C)) },
          .kernel_root = B,
          .user_root = NOBODY,
          .parked = { NOBODY, NOBODY } },
        .content = { { ENTRY_NONE } },
    },
    {
        "tables and a page are given back while they are in use",
        { .frame = { TABLE(3, RW(B)),
                     { .owner = 1, .type = PT_L2, .validated = 1, .entry = { RW(C) } },
                     { .owner = 1, .type = PT_L1, .validated = 1, .entry = { RW(D), RW(E) } },
                     GIVEN_BACK,
                     MAPPED },
          NO_ROOTS },
        .content = { { ENTRY_NONE } },
    },
    {
        "a page is unmapped, and still in the TLB as writable; another one could be its L2",
        { .frame = { TABLE(3, RW(B)),
                     TABLE(2, RW(C)),
                     TABLE(1, ENTRY_NONE),
                     { .owner = 1, .allocated = 1, .type = PT_WRITABLE, .dated = 1, .leaf = 2 },
                     PAGE },
          NO_ROOTS },
        .content = { [E] = { RW(D) } },
    },
    {
        "pages that name each other: either could be the other's table",
        { .frame = { TABLE(3, ENTRY_NONE), PAGE, PAGE, PAGE, PAGE }, NO_ROOTS },
        .content = { [B] = { RW(C) }, [C] = { RW(B) }, [D] = { RW(B), RW(C) } },
    },
    {
        "a user root and a pin on one L4, whose L3 is hooked in another",
        { .frame = { TABLE(3, ENTRY_NONE), PINNED(4, RW(C)), TABLE(3, ENTRY_NONE), PAGE, PAGE },
          .kernel_root = NOBODY,
          .user_root = B,
          .parked = { NOBODY, NOBODY } },
        .content = { [D] = { RW(C) }, [E] = { ENTRY_NONE, RW(D) } },
    },
    {
        "a frame is free, and still in the TLB; a page that is mapped would go with its entry",
        { .frame = { TABLE(3, RW(B)),
                     TABLE(2, RW(C)),
                     PINNED(1, RW(D), ENTRY_NONE),
                     GIVEN_BACK,
                     { .dated = 1, .leaf = 2 } },
          NO_ROOTS },
        .content = { { ENTRY_NONE } },
    },
};
bool starts_general;
const unsigned starts_count = sizeof(starts) / sizeof(starts[0]);

void start_install(const struct start *s)
{
    state_install(&s->state);
    for (unsigned g = 0; g < config.frames; g++) {
        uint64_t *word = frame_va(frame_mfn(g));

        for (unsigned slot = 0; slot < SLOTS; slot++)
            if (!state_entry_known(&s->state.frame[g], slot))
                word[slot] = entry_word(s->content[g][slot], 2);
    }
    memset(small_hooks.known, 0xff, sizeof(small_hooks.known));
    small_hooks.no_preempt = true;
    small_hooks.general = starts_general;
}
