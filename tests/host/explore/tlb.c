/* SPDX-License-Identifier: MIT */
/*
 * mm/tlb.h for the small machine: a ghost TLB of each of the guest's CPUs, small enough to be part of
 * the state (that of CPU 0 is). It keeps every translation and every table that a walk could remember
 * until a full flush; the rules are those of tests/host/ghost.c. Without config.tlb only the clock runs.
 *
 * What an untyped page will hold is not known, and need not be: a frame that a ghost has as a table
 * cannot be written before a flush, and what it held as a table is in the ghost already.
 */
#include <string.h>

#include "dom/gnttab.h"
#include "mm/tlb.h"
#include "pt/page_type.h"
#include "small.h"

static struct ghost {
    uint8_t leaf[FRAMES_MAX];  /* 0, 1 read-only, 2 writable */
    uint8_t table[FRAMES_MAX]; /* bit n - 1: as a table of level n */
} ghosts[CPU_OTHER];

void ghost_install(const struct state *s)
{
    memset(ghosts, 0, sizeof(ghosts));
    for (unsigned g = 0; g < config.frames; g++) {
        ghosts[0].leaf[g] = s->frame[g].leaf;
        ghosts[0].table[g] = s->frame[g].table;
    }
}

void ghost_observe(struct state *s)
{
    for (unsigned g = 0; g < config.frames; g++) {
        s->frame[g].leaf = ghosts[0].leaf[g];
        s->frame[g].table = ghosts[0].table[g];
    }
}

static void derive_from(struct ghost *ghost, uint64_t n, unsigned level)
{
    const uint64_t *table = frame_va(mfn_of(n));

    for (unsigned slot = 0; slot < SLOTS; slot++) {
        uint64_t target = pte_mfn(table[slot]).n - FIRST;

        if (!(table[slot] & PTE_P) || target >= config.frames || state_slot_is_hv(level, slot))
            continue;
        if (level > 1)
            ghost->table[target] |= 1u << (level - 2);
        else if (ghost->leaf[target] < 2)
            ghost->leaf[target] = table[slot] & PTE_RW ? 2 : 1;
    }
}

static void derive(unsigned cpu)
{
    struct ghost *ghost = &ghosts[cpu];

    derive_from(ghost, ma_to_mfn(small_percpu[cpu].cr3).n, 4);
    for (unsigned level = 3; level > 0; level--)
        for (unsigned g = 0; g < config.frames; g++)
            if (ghost->table[g] & 1u << (level - 1))
                derive_from(ghost, FIRST + g, level);
}

static bool is_used_as(unsigned g, bool writable)
{
    uint64_t type = frame_of(frame_mfn(g))->type;

    return frame_owner(frame_mfn(g)) != OWNER_NONE && (type & FRAME_TYPE_COUNT) &&
           (type & FRAME_VALIDATED) && (frame_type(frame_mfn(g)) == PT_WRITABLE) == writable;
}

/* What the guest may reach while it lives: its own, what is free, and what it was granted (hazard G6). */
static bool is_granted(unsigned g, bool writable)
{
    return frame_owner(frame_mfn(g)) != small_domain[1].id ||
           grant_used(&small_domain[1], small_domain[0].id, frame_mfn(g), writable);
}

static void check(const struct ghost *ghost)
{
    for (unsigned g = 0; g < config.frames; g++) {
        if (ghost->leaf[g] == 2 && is_used_as(g, false))
            violation("%c has type %u, while a TLB may hold it writable", 'A' + g,
                      frame_type(frame_mfn(g)));
        if (ghost->table[g] && is_used_as(g, true))
            violation("%c is writable, while a TLB may walk through it", 'A' + g);
        if (config.grants && !small_hooks.quiet && ghost->leaf[g] &&
            !is_granted(g, ghost->leaf[g] == 2))
            violation("%c is the granter's, and a TLB may hold it without a grant", 'A' + g);
    }
}

void ghost_step(void)
{
    for (unsigned cpu = 0; config.tlb && cpu < config.cpus; cpu++) {
        derive(cpu);
        check(&ghosts[cpu]);
    }
}

/* A word of a table that is being validated is looked at. */
void ghost_read(const uint64_t *word)
{
    mfn_t mfn = frame_of_va(word);
    uint64_t g = mfn.n - FIRST;

    ghost_step();
    if (g >= config.frames || !frame_type_refs(mfn) || frame_type(mfn) == PT_WRITABLE)
        return;
    for (unsigned cpu = 0; cpu < config.cpus; cpu++)
        if (ghosts[cpu].leaf[g] == 2)
            violation("%c is read as type %u, while a TLB may hold it writable", 'A' + (int)g,
                      frame_type(mfn));
}

/* A frame that was free has an owner again. */
void ghost_taken(mfn_t mfn)
{
    uint64_t g = mfn.n - FIRST;

    for (unsigned cpu = 0; config.tlb && g < config.frames && cpu < config.cpus; cpu++)
        if (ghosts[cpu].leaf[g] || ghosts[cpu].table[g])
            violation("%c changes hands while a TLB may hold it", 'A' + (int)g);
}

static void clock_advance(void)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        small_percpu[cpu].flush_clock++;
}

/* The clock is one for all CPUs: what only one of them has flushed does not move it. */
void tlb_load_root(uint64_t cr3)
{
    unsigned cpu = this_cpu()->cpu_id;

    ghost_step();
    if (cpu < config.cpus) {
        small_percpu[cpu].cr3 = cr3;
        memset(&ghosts[cpu], 0, sizeof(ghosts[cpu]));
    }
    if (config.cpus == 1)
        clock_advance();
}

void tlb_flush_all(void)
{
    ghost_step();
    memset(ghosts, 0, sizeof(ghosts));
    clock_advance();
}

void tlb_flush_va(uint64_t va)
{
    (void)va;
}

void tlb_flush_since(uint32_t epoch)
{
    if (epoch == tlb_epoch())
        tlb_flush_all();
}
