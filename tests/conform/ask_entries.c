/*
 * SPDX-License-Identifier: MIT
 *
 * ask_entries.c - what may be written into an entry of each level: every bit, every kind of frame,
 * and changes of an entry that is there already.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "hypercall.h"

/* What an entry of each level rightly holds here: the child, and flags that need no adjustment. */
static pte_t good_entry(unsigned int level)
{
    return level == 1 ? pte_make(kinds[KIND_RO].mfn, PTE_P)
                      : pte_make(stage_pinned(level - 1)->mfn, PTE_P);
}

/* Writes `value`; tells the result and the entry; puts 0 back. */
static void write_told(unsigned int level, unsigned int cmd, pte_t value)
{
    const struct kind *table = stage_table(level);
    unsigned int index = stage_free(level), done = 77;
    long rc = update_one(slot_ma(table, index) | cmd, value, &done);

    tell_rc(rc);
    tell("done=%u", done);
    tell_pte("pte", slot_read(table, index));
    rc = update_one(slot_ma(table, index), 0, NULL);
    if (rc)
        tell("undo=-%lu", -(unsigned long)rc);
    told();
}

/* `old` must be there first. */
static void change_told(unsigned int level, unsigned int cmd, pte_t old, pte_t value)
{
    long rc = update_one(slot_ma(stage_table(level), stage_free(level)), old, NULL);

    if (rc)
        tell("before=-%lu", -(unsigned long)rc);
    write_told(level, cmd, value);
}

static bool flag_bit(unsigned int bit)
{
    return (1UL << bit) & PTE_FLAGS_MASK;
}

/* Bits of the frame number are only asked where they lead beyond memory. */
static bool asked_bit(unsigned int bit)
{
    return flag_bit(bit) || bit >= PAGE_SHIFT + 20;
}

static void every_bit(unsigned int level)
{
    pte_t good = good_entry(level);

    for (unsigned int bit = 0; bit < 64; bit++) {
        if (!asked_bit(bit))
            continue;
        ask("entry/l%u/bit/%u/new", level, bit);
        write_told(level, 0, good | 1UL << bit);
        ask("entry/l%u/bit/%u/added", level, bit);
        change_told(level, 0, good, good | 1UL << bit);
        ask("entry/l%u/bit/%u/absent", level, bit);
        write_told(level, 0, bit ? 1UL << bit : 0);
    }
    for (unsigned int bit = 1; bit < 64; bit++) {
        if (!flag_bit(bit))
            continue;
        ask("entry/l%u/bit/%u/removed", level, bit);
        change_told(level, 0, good | 1UL << bit, good);
    }
}

/* Pairs of the bits that are adjusted, or looked at together. */
static void combinations(unsigned int level)
{
    static const uint64_t bits[] = { PTE_RW, PTE_U, PTE_A, PTE_D, PTE_G, PTE_GUEST_KERNEL, PTE_NX };
    enum { N = sizeof(bits) / sizeof(bits[0]) };
    pte_t good = good_entry(level);

    for (unsigned int i = 0; i < 1U << N; i++) {
        pte_t value = good;

        for (unsigned int bit = 0; bit < N; bit++)
            value |= i >> bit & 1 ? bits[bit] : 0;
        ask("entry/l%u/together/%lx", level, pte_flags(value));
        write_told(level, 0, value);
        ask("entry/l%u/keep-ad/%lx", level, pte_flags(value));
        change_told(level, 2, good | PTE_A | PTE_D, value);
    }
}

static void every_frame(unsigned int level)
{
    static const struct {
        const char *name;
        uint64_t flags;
    } rights[] = { { "ro", PTE_P }, { "rw", PTE_P | PTE_RW }, { "absent", PTE_RW } };

    for (unsigned int kind = 0; kind < KINDS; kind++)
        for (unsigned int i = 0; i < 3; i++) {
            ask("entry/l%u/frame/%s/%s", level, kinds[kind].name, rights[i].name);
            write_told(level, 0, pte_make(kinds[kind].mfn, rights[i].flags));
            ask("entry/l%u/frame/%s/%s/keep-ad", level, kinds[kind].name, rights[i].name);
            write_told(level, 2, pte_make(kinds[kind].mfn, rights[i].flags));
        }
}

/* From one good entry to another, and to bad ones: what is refused leaves the old one. */
static void changes(void)
{
    static const struct {
        const char *name;
        unsigned int frame;
        uint64_t flags;
    } states[] = {
        { "none", KIND_A, 0 },
        { "a-ro", KIND_A, PTE_P },
        { "a-rw", KIND_A, PTE_P | PTE_RW },
        { "b-rw", KIND_B, PTE_P | PTE_RW },
        { "ro", KIND_RO, PTE_P },
        { "ro-rw", KIND_RO, PTE_P | PTE_RW },
        { "table-ro", KIND_T1, PTE_P },
        { "table-rw", KIND_T1, PTE_P | PTE_RW },
        { "own-l1-ro", KIND_L1, PTE_P },
        { "own-l1-rw", KIND_L1, PTE_P | PTE_RW },
        { "free", KIND_FREE, PTE_P },
        { "end", KIND_END, PTE_P },
        { "ones", KIND_ONES, PTE_P },
    };
    enum { N = sizeof(states) / sizeof(states[0]) };

    for (unsigned int from = 0; from < 10; from++)
        for (unsigned int to = 0; to < N; to++) {
            pte_t old = states[from].flags
                            ? pte_make(kinds[states[from].frame].mfn, states[from].flags)
                            : 0;
            pte_t value = states[to].flags ? pte_make(kinds[states[to].frame].mfn, states[to].flags)
                                           : 0;

            ask("entry/change/%s/%s", states[from].name, states[to].name);
            change_told(1, 0, old, value);
        }
}

/* The same for an entry that leads to a table. */
static void table_changes(unsigned int level)
{
    const struct kind *table = stage_table(level), *child = stage_pinned(level - 1);
    unsigned int index = level == 4 ? STAGE_L4_INDEX : STAGE_INDEX;
    pte_t live = slot_read(table, index);
    static const struct {
        const char *name;
        uint64_t flags;
    } to[] = { { "p", PTE_P },
               { "p-rw", PTE_P | PTE_RW },
               { "p-nx", PTE_P | PTE_NX },
               { "p-ad", PTE_P | PTE_A | PTE_D },
               { "p-avail", PTE_P | PTE_AVAIL },
               { "p-g", PTE_P | PTE_G },
               { "p-ps", PTE_P | PTE_PS },
               { "absent", PTE_RW } };

    for (unsigned int i = 0; i < sizeof(to) / sizeof(to[0]); i++)
        for (unsigned int other = 0; other < 2; other++) {
            mfn_t mfn = other ? child->mfn : pte_mfn(live);

            ask("entry/live/l%u/%s/%s", level, other ? "other-child" : "same-child", to[i].name);
            tell_rc(update_one(slot_ma(table, index), pte_make(mfn, to[i].flags), NULL));
            tell_pte("pte", slot_read(table, index));
            tell("undo=%lu", (unsigned long)update_one(slot_ma(table, index), live, NULL));
            told();
        }
}

void ask_entries(void)
{
    for (unsigned int level = 1; level <= 4; level++) {
        every_bit(level);
        combinations(level);
        every_frame(level);
        if (level > 1)
            table_changes(level);
    }
    changes();
}
