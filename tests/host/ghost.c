/* SPDX-License-Identifier: MIT */
/*
 * The ghost TLB: mm/tlb.h for the host build. Each CPU remembers every translation that the tables
 * loaded on it have ever allowed, until a flush that covers it; paging-structure entries too, through
 * which later contents of a stale table still become translations. A real TLB holds some of these,
 * QEMU's hardly any: what a ghost still holds is what must be safe.
 *
 * Rules (invariant I6), checked at each step:
 *   - a frame whose content is read to be validated, or is a validated table or descriptor page, is in
 *     no ghost as writable;
 *   - a frame that is in a ghost as a table is not writable by anybody;
 *   - a frame that became free while in a ghost is in none when it gets its next owner.
 *
 * The flush clock is one for all CPUs: with several, only a flush of all of them advances it.
 */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#include "mm/tlb.h"

#define FRAMES_MAX 4096u

struct ghost {
    uint8_t leaf[FRAMES_MAX];  /* 1 read-only, 2 writable */
    uint8_t table[FRAMES_MAX]; /* bit n: reachable as a table of level n */
    bool runs;                 /* a root was loaded */
};

static struct ghost *ghosts; /* of each CPU */
static uint8_t *was_free;    /* became free while a ghost held it */
unsigned long ghost_flushes, ghost_va_flushes;

void ghost_start(void)
{
    ghosts = calloc(MACHINE_CPUS, sizeof(*ghosts));
    was_free = calloc(FRAMES_MAX, 1);
    ghost_flushes = ghost_va_flushes = 0;
}

void ghost_stop(void)
{
    free(ghosts);
    free(was_free);
    ghosts = 0;
}

void *ghost_save(void)
{
    uint8_t *saved = malloc(MACHINE_CPUS * sizeof(*ghosts) + FRAMES_MAX);

    memcpy(saved, ghosts, MACHINE_CPUS * sizeof(*ghosts));
    memcpy(saved + MACHINE_CPUS * sizeof(*ghosts), was_free, FRAMES_MAX);
    return saved;
}

void ghost_restore(void *saved)
{
    memcpy(ghosts, saved, MACHINE_CPUS * sizeof(*ghosts));
    memcpy(was_free, (uint8_t *)saved + MACHINE_CPUS * sizeof(*ghosts), FRAMES_MAX);
    free(saved);
}

static bool is_hv_slot(unsigned level, unsigned slot)
{
    return level == 4 && slot >= PT_HV_SLOT_FIRST && slot <= PT_HV_SLOT_LAST;
}

/* What can be derived from one table, whatever its frame is now. */
static void derive_from(struct ghost *g, uint64_t n, unsigned level)
{
    const uint64_t *table = frame_va(mfn_of(n));

    for (unsigned slot = 0; slot < PT_ENTRIES; slot++) {
        uint64_t pte = table[slot], target = pte_mfn(pte).n;

        if (!(pte & PTE_P) || is_hv_slot(level, slot) || target >= frame_limit)
            continue;
        if (level > 1)
            g->table[target] |= 1u << (level - 1);
        else
            g->leaf[target] |= pte & PTE_RW ? 2 : 1;
    }
}

static void derive(unsigned cpu)
{
    struct ghost *g = &ghosts[cpu];

    if (!g->runs)
        return;
    g->table[ma_to_mfn(machine_percpu[cpu].cr3).n] |= 1u << 4;
    for (unsigned level = 4; level > 0; level--)
        for (uint64_t n = 0; n < frame_limit; n++)
            if (g->table[n] & 1u << level)
                derive_from(g, n, level);
}

static bool held(const struct ghost *g, uint64_t n)
{
    return g->leaf[n] || g->table[n];
}

bool ghost_has(mfn_t mfn, bool writable)
{
    for (unsigned cpu = 0; cpu < MACHINE_CPUS; cpu++)
        if (writable ? ghosts[cpu].leaf[mfn.n] & 2 : held(&ghosts[cpu], mfn.n))
            return true;
    return false;
}

static bool is_protected(uint64_t n)
{
    enum page_type type = frame_type(mfn_of(n));

    return frame_type_refs(mfn_of(n)) && type != PT_WRITABLE &&
           (frame_of(mfn_of(n))->type & FRAME_VALIDATED);
}

static void check_frame(const struct ghost *g, uint64_t n)
{
    const struct frame *f = &frame_table[n];
    uint16_t owner = frame_owner(mfn_of(n));

    if (owner == OWNER_NONE) {
        was_free[n] = 1;
        return;
    }
    if (was_free[n])
        fail_msg("%s: frame %lx changes hands to %x while a TLB may hold it", machine_noted(), n,
                 owner);
    if ((g->leaf[n] & 2) && is_protected(n))
        fail_msg("%s: frame %lx has type %u, while a TLB may hold it writable", machine_noted(), n,
                 frame_type(mfn_of(n)));
    if (g->table[n] && frame_type(mfn_of(n)) == PT_WRITABLE && (f->type & FRAME_VALIDATED) &&
        frame_type_refs(mfn_of(n)))
        fail_msg("%s: frame %lx is writable, while a TLB may walk through it", machine_noted(), n);
}

void ghost_step(void)
{
    if (!ghosts)
        return; /* the machine is being made */
    for (unsigned cpu = 0; cpu < MACHINE_CPUS; cpu++)
        derive(cpu);
    for (uint64_t n = 0; n < frame_limit; n++) {
        bool any = false;

        for (unsigned cpu = 0; cpu < MACHINE_CPUS; cpu++) {
            if (held(&ghosts[cpu], n)) {
                any = true;
                check_frame(&ghosts[cpu], n);
            }
        }
        if (!any)
            was_free[n] = 0;
    }
}

void ghost_read_check(const uint64_t *word)
{
    static mfn_t last;
    mfn_t mfn = frame_of_va(word);

    if (!frame_valid(mfn))
        return;
    if (!mfn_eq(mfn, last) || PT_INDEX_BITS <= 3)
        ghost_step();
    last = mfn;
    if (frame_type_refs(mfn) && frame_type(mfn) != PT_WRITABLE && ghost_has(mfn, true))
        fail_msg("%s: frame %lx is read as type %u, while a TLB may hold it writable",
                 machine_noted(), mfn.n, frame_type(mfn));
}

static void forget(unsigned cpu)
{
    struct ghost *g = &ghosts[cpu];
    bool runs = g->runs;

    memset(g, 0, sizeof(*g));
    g->runs = runs;
}

static unsigned cpus_running(void)
{
    unsigned n = 0;

    for (unsigned cpu = 0; cpu < MACHINE_CPUS; cpu++)
        n += ghosts[cpu].runs;
    return n;
}

static void clock_advance(void)
{
    for (unsigned cpu = 0; cpu < MACHINE_CPUS; cpu++)
        machine_percpu[cpu].flush_clock++;
}

void tlb_load_root(uint64_t cr3)
{
    unsigned cpu = this_cpu()->cpu_id;

    ghost_step();
    this_cpu()->cr3 = cr3;
    forget(cpu);
    ghosts[cpu].runs = true;
    if (cpus_running() == 1)
        clock_advance();
    ghost_step();
}

void tlb_flush_all(void)
{
    ghost_step();
    ghost_flushes++;
    for (unsigned cpu = 0; cpu < MACHINE_CPUS; cpu++)
        forget(cpu);
    clock_advance();
    ghost_step();
}

void tlb_flush_va(uint64_t va)
{
    (void)va;
    ghost_va_flushes++;
}

void tlb_flush_since(uint32_t epoch)
{
    if (epoch == tlb_epoch())
        tlb_flush_all();
}
