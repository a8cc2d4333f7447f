/*
 * SPDX-License-Identifier: MIT
 *
 * sequence_arena.c - the frames of the arena: names, windows, views, and what changed in them.
 */
#include "sequence_arena.h"

#include "sequence_text.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/p2m.h"
#include "mm/page.h"
#include "mm/pt_update.h"

#include <string.h>

#define FIXED_VA     (ARENA_VA + (5UL << L3_SHIFT) + (5UL << L2_SHIFT)) /* an L1 of its own */
#define WINDOW_FIRST 16U                                                /* its slots */
#define VIEW_FIRST   48U
#define MARGIN       16U /* pages the domain may have more than it has */
#define PAST         96U
#define AD           (PTE_A | PTE_D)

const uint16_t arena_slot[ARENA_SLOTS] = { 0, 1, 2, 255, 280, 281, 256, 271 };

static const char *const names[ARENA_NAMED + 1] = {
    "a1", "b1", "c1", "a2", "b2", "a3", "b3", "a4", "b4", "d0",   "d1", "d2",
    "d3", "g0", "g1", "s0", "r4", "k0", "x1", "x3", "hv", "none", "?",
};

static struct {
    mfn_t mfn;
    pfn_t pfn;
    bool given; /* asked back by the hypervisor; `hidden` when we hold no mapping of it either */
    bool hidden;
} frames[ARENA_NAMED];

static mfn_t past[PAST]; /* frames that had a name in this sequence */
static unsigned int past_count;
static uint16_t kernel_slots[16];
static unsigned int kernel_slot_count;
static uint64_t unseen; /* bits of present entries that depend on the TLB by now */
static uint8_t inherited[ARENA_SEEN],
    inheriting[ARENA_SEEN]; /* bit by slot: see arena_inherits() */
static pte_t seen[ARENA_SEEN][ARENA_SLOTS];
static uint64_t seen_m2p[ARENA_FRAMES];

mfn_t arena_mfn(unsigned int frame)
{
    return frames[frame < ARENA_NAMED ? frame : ARENA_INVALID].mfn;
}

pfn_t arena_pfn(unsigned int frame)
{
    return frames[frame < ARENA_NAMED ? frame : ARENA_INVALID].pfn;
}

const char *arena_name(unsigned int frame)
{
    return names[frame < ARENA_NAMED ? frame : ARENA_NAMED];
}

uint64_t arena_window(unsigned int frame)
{
    return FIXED_VA + (uint64_t)(WINDOW_FIRST + frame % ARENA_FRAMES) * PAGE_SIZE;
}

static uint64_t arena_view(unsigned int frame)
{
    return FIXED_VA + (uint64_t)(VIEW_FIRST + frame) * PAGE_SIZE;
}

const volatile pte_t *arena_table(unsigned int frame)
{
    return frame < ARENA_FRAMES ? (const volatile pte_t *)arena_view(frame)
                                : (const volatile pte_t *)page_va(frames[frame].pfn);
}

pte_t arena_entry(unsigned int frame, unsigned int slot)
{
    if (frame >= ARENA_SEEN || frames[frame].hidden)
        return 0;
    return arena_table(frame)[arena_slot[slot]];
}

bool arena_given(unsigned int frame)
{
    return frames[frame].given;
}

bool arena_known(mfn_t mfn)
{
    for (unsigned int i = 0; i < past_count; i++)
        if (mfn_eq(past[i], mfn))
            return true;
    for (unsigned int i = 0; i < ARENA_NAMED; i++)
        if (mfn_eq(frames[i].mfn, mfn))
            return true;
    return false;
}

static const char *name_of(mfn_t mfn)
{
    for (unsigned int i = 0; i < ARENA_NAMED; i++)
        if (mfn_eq(frames[i].mfn, mfn))
            return names[i];
    return arena_known(mfn) ? "old" : NULL;
}

void say_pte(pte_t pte)
{
    const char *name = name_of(pte_mfn(pte));

    if (pte & PTE_P)
        pte &= ~unseen; /* what was inherited is left out by now */
    if (name)
        say("%s|%lx", name, pte_flags(pte));
    else if (pte & PTE_P)
        say("other");
    else
        say("%lx", pte);
}

/* ---- mappings of ours ------------------------------------------------------------------------ */

static void must(long rc, const char *what)
{
    if (rc)
        guest_panic("arena: %s: %ld", what, rc);
}

static void map(uint64_t va, mfn_t mfn, uint64_t flags)
{
    pte_t entry = flags ? pte_make(mfn, flags | PTE_P | AD | PTE_NX) : 0;
    long rc = hypercall_update_va_mapping(va, entry, UVMF_INVLPG);

    if (rc)
        guest_panic("arena: %lx cannot map frame %lx (%s): %ld", va, mfn.n, name_of(mfn), rc);
}

void arena_hide(unsigned int frame)
{
    frames[frame].hidden = true;
    map(arena_view(frame), frames[frame].mfn, 0);
    map(arena_window(frame), frames[frame].mfn, 0);
}

void arena_show(unsigned int frame)
{
    frames[frame].hidden = false;
    map(arena_view(frame), frames[frame].mfn, PTE_P);
}

void arena_give(unsigned int frame, bool forget)
{
    frames[frame].given = true;
    if (forget)
        arena_hide(frame);
}

static void past_add(mfn_t mfn)
{
    if (past_count == PAST)
        guest_panic("arena: more than %u frames in one sequence", PAST);
    past[past_count++] = mfn;
}

void arena_replace(unsigned int frame, mfn_t mfn)
{
    past_add(frames[frame].mfn);
    if (!frames[frame].hidden)
        arena_hide(frame);
    frames[frame].mfn = mfn;
    frames[frame].given = false;
    p2m_list[frames[frame].pfn.n] = mfn.n;
    arena_show(frame);
    map(arena_window(frame), mfn, PTE_RW);
    memset((void *)arena_window(frame), 0, PAGE_SIZE);
}

mfn_t arena_past(unsigned int n)
{
    return n < past_count ? past[n] : MFN_NONE;
}

/* ---- roots ------------------------------------------------------------------------------------- */

unsigned int arena_kernel_slots(const uint16_t **slots)
{
    *slots = kernel_slots;
    return kernel_slot_count;
}

bool arena_root_usable(unsigned int frame)
{
    const volatile pte_t *home = arena_table(ARENA_HOME);

    if (frame >= ARENA_FRAMES) /* the home root, or surely refused */
        return true;
    if (frames[frame].hidden)
        return false;
    for (unsigned int i = 0; i < kernel_slot_count; i++)
        if ((arena_table(frame)[kernel_slots[i]] ^ home[kernel_slots[i]]) & ~AD)
            return false;
    return true;
}

/* ---- what changed ------------------------------------------------------------------------------ */

/* The entry without what differs between hypervisors for a reason. */
static pte_t entry_plain(unsigned int frame, unsigned int slot)
{
    pte_t entry = arena_entry(frame, slot);

    /* What the hypervisor keeps in its slots of an L4 is its own affair. */
    if (arena_slot[slot] >= HV_L4_SLOT_FIRST && arena_slot[slot] <= HV_L4_SLOT_LAST &&
        (entry & PTE_P) && !name_of(pte_mfn(entry)))
        return 0;
    return (entry & PTE_P) || inherited[frame] & 1U << slot ? entry & ~unseen : entry;
}

static uint64_t m2p_now(unsigned int frame)
{
    return frames[frame].hidden ? seen_m2p[frame] : m2p(frames[frame].mfn).n;
}

static void hide_bits(uint64_t bits)
{
    if (!(bits & ~unseen))
        return;
    unseen |= bits;
    for (unsigned int i = 0; i < ARENA_SEEN * ARENA_SLOTS; i++)
        if (seen[i / ARENA_SLOTS][i % ARENA_SLOTS] & PTE_P)
            seen[i / ARENA_SLOTS][i % ARENA_SLOTS] &= ~bits;
}

void arena_walked(void)
{
    hide_bits(PTE_A);
}

void arena_touched(void)
{
    hide_bits(AD);
}

void arena_inherits(unsigned int frame, unsigned int slot)
{
    if (frame < ARENA_SEEN)
        inheriting[frame] |= (uint8_t)(1U << slot);
}

/* Absent now, with the accessed and dirty bits of the present entry that it was. */
static void inheritance(void)
{
    for (unsigned int f = 0; f < ARENA_SEEN; f++) {
        for (unsigned int s = 0; s < ARENA_SLOTS; s++) {
            if (arena_entry(f, s) & PTE_P)
                inherited[f] &= (uint8_t) ~(1U << s);
            else if (seen[f][s] & PTE_P)
                inherited[f] |= inheriting[f] & 1U << s;
        }
        inheriting[f] = 0;
    }
}

void arena_changes(void)
{
    inheritance();
    for (unsigned int f = 0; f < ARENA_SEEN; f++) {
        for (unsigned int s = 0; s < ARENA_SLOTS; s++) {
            pte_t entry = entry_plain(f, s);

            if (entry == seen[f][s])
                continue;
            seen[f][s] = entry;
            say(" %s[%u]=", names[f], arena_slot[s]);
            say_pte(entry);
        }
    }
    for (unsigned int f = 0; f < ARENA_FRAMES; f++) {
        uint64_t pfn = m2p_now(f);

        if (pfn == seen_m2p[f])
            continue;
        seen_m2p[f] = pfn;
        if (pfn == frames[f].pfn.n)
            say(" m2p(%s)=own", names[f]);
        else
            say(" m2p(%s)=%lx", names[f], pfn);
    }
}

void arena_begin(void)
{
    unseen = 0;
    memset(inherited, 0, sizeof(inherited));
    memset(inheriting, 0, sizeof(inheriting));
    past_count = 0;
    for (unsigned int f = 0; f < ARENA_SEEN; f++)
        for (unsigned int s = 0; s < ARENA_SLOTS; s++)
            seen[f][s] = entry_plain(f, s);
    for (unsigned int f = 0; f < ARENA_FRAMES; f++)
        seen_m2p[f] = m2p_now(f);
}

/* ---- once ------------------------------------------------------------------------------------- */

static void frame_take(unsigned int frame)
{
    pfn_t pfn = page_alloc_zero(PAGE_KERNEL);

    if (page_none(pfn))
        guest_panic("arena: no page");
    frames[frame].pfn = pfn;
    frames[frame].mfn = p2m(pfn);
    must(hypercall_update_va_mapping((uint64_t)page_va(pfn), 0, UVMF_INVLPG), "direct map");
}

/* Gives pages back for good, so that no quota refuses what sequences take. */
static void margin_make(void)
{
    for (unsigned int i = 0; i < MARGIN; i++) {
        struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
        pfn_t pfn = page_alloc(PAGE_KERNEL);
        xen_pfn_t mfn = p2m(pfn).n;

        set_xen_guest_handle(r.extent_start, &mfn);
        must(hypercall_update_va_mapping((uint64_t)page_va(pfn), 0, UVMF_INVLPG), "margin");
        if (hypercall_memory_op(XENMEM_decrease_reservation, &r) != 1)
            guest_panic("arena: no page can be given back");
    }
}

static void kernel_slots_find(void)
{
    const volatile pte_t *home = arena_table(ARENA_HOME);

    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        if (home[i] && (i < HV_L4_SLOT_FIRST || i > HV_L4_SLOT_LAST))
            kernel_slots[kernel_slot_count++] = (uint16_t)i;
}

/* A frame that is the hypervisor's: what an entry of its slots in the home root names. */
static mfn_t hypervisor_frame(void)
{
    const volatile pte_t *home = arena_table(ARENA_HOME);

    for (unsigned int i = HV_L4_SLOT_LAST; i >= HV_L4_SLOT_FIRST; i--)
        if ((home[i] & PTE_P) && !mfn_eq(pte_mfn(home[i]), frames[ARENA_HOME].mfn))
            return pte_mfn(home[i]);
    guest_panic("arena: no frame of the hypervisor is visible");
}

void arena_init(void)
{
    struct walk w;

    for (unsigned int i = 0; i < ARENA_FRAMES; i++)
        frame_take(i);
    margin_make();
    frames[ARENA_HOME].pfn = kernel_aspace.l4;
    frames[ARENA_HOME].mfn = aspace_root(&kernel_aspace);
    frames[ARENA_PLAIN].pfn = page_alloc_zero(PAGE_KERNEL);
    frames[ARENA_PLAIN].mfn = p2m(frames[ARENA_PLAIN].pfn);
    must(pt_tables_ensure(&kernel_aspace, FIXED_VA, 1, &w), "tables of the windows");
    frames[ARENA_FIXED_L1].mfn = w.table[1];
    frames[ARENA_FIXED_L1].pfn = m2p(w.table[1]);
    frames[ARENA_FIXED_L3].mfn = w.table[3];
    frames[ARENA_HYPERVISOR].mfn = hypervisor_frame();
    frames[ARENA_INVALID].mfn = mfn_of(MFN_INVALID_BITS);
    for (unsigned int i = 0; i < ARENA_FRAMES; i++) {
        arena_show(i);
        map(arena_window(i), frames[i].mfn, PTE_RW);
    }
    kernel_slots_find();
}
