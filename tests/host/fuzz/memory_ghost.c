/* SPDX-License-Identifier: MIT */
/*
 * The ghost TLB of the fuzzer's machine: the rules of tests/host/ghost.c, with a set of frames as one
 * word and each table looked at once in a step, as it runs after every operation of many millions.
 */
#include "memory.h"

#include <string.h>

#include "dom/gnttab.h"
#include "lib/x86.h"
#include "mm/tlb.h"
#include "pt/page_type.h"

_Static_assert(FRAMES <= 64, "a set of frames is one word");

struct ghost {
    uint64_t readable, writable; /* frames that a TLB may hold */
    uint64_t table[5];           /* by level: frames that it may walk through */
    uint16_t domid;              /* whose root was loaded */
    bool runs;                   /* one was */
};

struct seen { /* what the present entries of a frame name */
    uint64_t any, writable;
    uint64_t any_hv; /* the same of the slots that are the hypervisor's in an L4 */
    uint64_t writable_hv;
};

static struct ghost ghosts[CPUS];
static uint64_t was_free;

/*
 * Frames are looked at again in each step of a record that has touched them, and else keep what was
 * seen: between records nobody holds an address.
 */
static struct seen seen[FRAMES];
static uint64_t seen_now, seen_ever;

void ghost_start(void)
{
    memset(ghosts, 0, sizeof(ghosts));
    was_free = seen_ever = machine_touched = 0;
}

void ghost_rest(void)
{
    seen_ever &= ~(machine_touched & ~seen_now);
    machine_touched = 0;
}

/* Eight entries, and whether any of them is not empty: most tables are mostly empty. */
typedef uint64_t group __attribute__((vector_size(64)));
#define GROUPS    (PT_ENTRIES / 8)
#define HV_GROUPS ((PT_HV_SLOT_LAST + 1 - PT_HV_SLOT_FIRST) / 8)
#define HV_GROUP  (PT_HV_SLOT_FIRST / 8)
_Static_assert(PT_HV_SLOT_FIRST % 8 == 0 && PT_HV_SLOT_LAST % 8 == 7, "groups of eight");

static bool group_empty(const group *g)
{
    group all = g[0] | g[1] | g[2] | g[3];

    return !(all[0] | all[1] | all[2] | all[3] | all[4] | all[5] | all[6] | all[7]);
}

static void look_at(const group *g, uint64_t *any, uint64_t *writable)
{
    for (unsigned i = 0; i < 8; i++) {
        uint64_t pte = (*g)[i], n = pte_mfn(pte).n;

        if (!(pte & PTE_P) || n >= FRAMES)
            continue;
        *any |= 1ull << n;
        if (pte & PTE_RW)
            *writable |= 1ull << n;
    }
}

static const struct seen *look(uint64_t n)
{
    const group *table = (const group *)(machine_memory + n * PAGE_SIZE);
    struct seen *s = &seen[n];

    if (((seen_ever & ~machine_touched) | seen_now) >> n & 1)
        return s;
    seen_now |= 1ull << n;
    seen_ever |= 1ull << n;
    *s = (struct seen){ 0 };
    for (unsigned at = 0; at < GROUPS; at += 4) {
        if (group_empty(table + at))
            continue;
        for (unsigned i = at; i < at + 4; i++) {
            bool hv = i >= HV_GROUP && i < HV_GROUP + HV_GROUPS;

            look_at(table + i, hv ? &s->any_hv : &s->any, hv ? &s->writable_hv : &s->writable);
        }
    }
    return s;
}

static void derive(struct ghost *g)
{
    for (unsigned level = 4; level > 0; level--) {
        for (uint64_t left = g->table[level]; left; left &= left - 1) {
            const struct seen *s = look((uint64_t)__builtin_ctzll(left));
            uint64_t any = s->any | (level == 4 ? 0 : s->any_hv);
            uint64_t writable = s->writable | (level == 4 ? 0 : s->writable_hv);

            if (level > 1) {
                g->table[level - 1] |= any;
            } else {
                g->readable |= any;
                g->writable |= writable;
            }
        }
    }
}

static uint64_t walked(const struct ghost *g)
{
    return g->table[1] | g->table[2] | g->table[3] | g->table[4];
}

uint64_t ghost_tables(unsigned level)
{
    return ghosts[0].table[level] | ghosts[1].table[level] | ghosts[2].table[level] |
           ghosts[3].table[level];
}

bool ghost_writable(uint64_t n)
{
    return (ghosts[0].writable | ghosts[1].writable | ghosts[2].writable | ghosts[3].writable) >>
               n &
           1;
}

static void check_frame(uint64_t n, bool writable, bool table)
{
    uint64_t type = frame_table[n].type;
    uint16_t owner = frame_owner(mfn_of(n));
    bool valid = (type & FRAME_VALIDATED) && (type & FRAME_TYPE_COUNT);

    if (owner == OWNER_NONE) {
        was_free |= 1ull << n;
        return;
    }
    if (was_free >> n & 1)
        fuzz_fail("frame %lx changes hands to %x while a TLB may hold it", n, owner);
    if (writable && valid && frame_type(mfn_of(n)) != PT_WRITABLE)
        fuzz_fail("frame %lx has type %u, while a TLB may hold it writable", n,
                  frame_type(mfn_of(n)));
    if (table && valid && frame_type(mfn_of(n)) == PT_WRITABLE)
        fuzz_fail("frame %lx is writable, while a TLB may walk through it", n);
}

/*
 * What a domain reaches of another one's, it was granted, until no TLB shows it any more (hazard G6).
 * Privilege needs no grant.
 */
static void check_foreign(const struct ghost *g, uint64_t n)
{
    uint16_t owner = frame_owner(mfn_of(n));
    const struct domain *granter;

    if (owner == g->domid || owner == OWNER_NONE || owner == OWNER_HV || owner == OWNER_IO)
        return;
    granter = gnttab_domain(owner);
    if (!granter || !grant_used(granter, g->domid, mfn_of(n), g->writable >> n & 1))
        fuzz_fail("frame %lx of d%u's is not granted to d%u, which a TLB may hold it for", n, owner,
                  g->domid);
}

static void check_reach(const struct ghost *g)
{
    if (!g->runs || g->domid == 0 || g->domid == OWNER_HV || machine_foreign_tables)
        return;
    for (uint64_t left = g->readable | g->writable; left; left &= left - 1)
        check_foreign(g, (uint64_t)__builtin_ctzll(left));
}

void ghost_step(void)
{
    uint64_t writable = 0, tables = 0, all;

    seen_now = 0;
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        struct ghost *g = &ghosts[cpu];

        if (!g->runs)
            continue;
        g->table[4] |= 1ull << ma_to_mfn(cpus[cpu].cr3).n;
        derive(g);
        writable |= g->writable;
        tables |= walked(g);
    }
    all = tables | ghosts[0].readable | ghosts[1].readable | ghosts[2].readable |
          ghosts[3].readable;
    was_free &= all;
    for (uint64_t left = all; left; left &= left - 1) {
        uint64_t n = (uint64_t)__builtin_ctzll(left);

        check_frame(n, writable >> n & 1, tables >> n & 1);
    }
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        check_reach(&ghosts[cpu]);
}

void ghost_read(uint64_t n)
{
    uint64_t type = frame_table[n].type;

    ghost_step();
    if ((type & FRAME_TYPE_COUNT) && frame_type(mfn_of(n)) != PT_WRITABLE && ghost_writable(n))
        fuzz_fail("frame %lx is read as type %u, while a TLB may hold it writable", n,
                  frame_type(mfn_of(n)));
}

static void forget(unsigned cpu)
{
    ghosts[cpu] = (struct ghost){ .runs = ghosts[cpu].runs, .domid = ghosts[cpu].domid };
}

/* The flush clock is one for all CPUs: with several, only a flush of all of them advances it. */
static void clock_advance(void)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        cpus[cpu].flush_clock++;
}

static bool runs_alone(void)
{
    return ghosts[0].runs + ghosts[1].runs + ghosts[2].runs + ghosts[3].runs == 1;
}

void tlb_load_root(uint64_t cr3)
{
    unsigned cpu = this_cpu()->cpu_id;

    ghost_step();
    fuzz_assert(ma_to_mfn(cr3).n < FRAMES);
    this_cpu()->cr3 = cr3;
    forget(cpu);
    ghosts[cpu].runs = true;
    ghosts[cpu].domid = domain_current() ? domain_current()->id : OWNER_HV;
    if (runs_alone())
        clock_advance();
    ghost_step();
}

void tlb_flush_all(void)
{
    ghost_step();
    for (unsigned cpu = 0; cpu < CPUS; cpu++)
        forget(cpu);
    clock_advance();
    ghost_step();
}

/* One address: the ghosts keep all of it, as no rule may depend on such a flush. */
void tlb_flush_va(uint64_t va)
{
    (void)va;
}

/* mm/hv_map.c's, for the auditor of a boot. */
void write_cr3(uint64_t cr3)
{
    (void)cr3;
}

void tlb_flush_since(uint32_t epoch)
{
    if (epoch == tlb_epoch())
        tlb_flush_all();
}
