/* SPDX-License-Identifier: MIT */
/* Start and stop of the test machine, its map, its pages; see machine.h. */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "dom/gnttab.h"
#include "dom/teardown.h"
#include "mm/hv_map.h"
#include "mm/m2p.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"

#define FRAMES_HV 3u /* not for the allocator: 0 and 2 the hypervisor's, 1 not RAM */
#define HV_ENTRY  (2 * PAGE_SIZE | PTE_P | PTE_RW | PTE_A | PTE_D)

struct percpu *machine_this_cpu;
uint8_t *machine_memory;
struct frame *frame_table;
uint64_t *m2p_table;
struct domain machine_guest, machine_control;
struct vcpu machine_vcpu[MACHINE_VCPUS];
struct percpu machine_percpu[MACHINE_CPUS];
uint64_t idle_root_pa = 2 * PAGE_SIZE;
bool trace_on;
uint64_t machine_hv_slots[MACHINE_HV_SLOTS];

static struct trap_info traps[MACHINE_VCPUS][256];
static uint64_t frames_free_at_start;

/* ---- the hypervisor's map --------------------------------------------------- */

void hv_map_fill_slots(uint64_t *l4, uint64_t perdomain_entry)
{
    for (unsigned i = 0; i < MACHINE_HV_SLOTS; i++)
        l4[PT_HV_SLOT_FIRST + i] = i == 0 ? 0 : i == 4 ? perdomain_entry : machine_hv_slots[i];
}

void hv_map_show_m2p(uint64_t *l4, int visible)
{
    l4[PT_HV_SLOT_FIRST] = visible ? machine_hv_slots[0] : 0;
}

/* ---- grants ------------------------------------------------------------------- */

struct domain *domain_list;

void machine_grants(void)
{
    domain_list = &machine_control;
    machine_control.next = &machine_guest;
    assert_true(gnttab_create(&machine_control));
    assert_true(gnttab_create(&machine_guest));
}

static void grants_end(void)
{
    for (struct domain *d = domain_list; d; d = d->next)
        while (!gnttab_unmap_all(d))
            ;
    for (struct domain *d = domain_list; d; d = d->next)
        gnttab_destroy(d);
    domain_list = 0;
}

/* ---- start and stop --------------------------------------------------------- */

static void domain_start(struct domain *d, uint16_t id, bool initial, unsigned frames)
{
    memset(d, 0, sizeof(*d));
    d->id = id;
    d->initial = initial;
    d->console_mfn = d->store_mfn = d->shared_mfn = MFN_NONE;
    d->owner = (struct owner){ .id = id,
                               .max_pages = frames,
                               .perdomain_entry = (id + 0x100ul) << PAGE_SHIFT | HV_ENTRY };
    assert_true(owner_register(&d->owner));
}

static void vcpu_start(unsigned n, struct domain *d)
{
    struct vcpu *v = &machine_vcpu[n];

    memset(v, 0, sizeof(*v));
    v->domain = d;
    v->id = d->vcpus;
    v->info_mfn = MFN_NONE;
    v->traps = traps[n];
    for (unsigned i = 0; i < MACHINE_GDT_PAGES; i++)
        v->gdt_mfn[i] = MFN_NONE;
    d->vcpu[d->vcpus++] = v;
    machine_percpu[n] = (struct percpu){ .cpu_id = n, .current = v, .pt_work = &v->pt_work };
    machine_percpu[n].self = &machine_percpu[n];
    v->cpu = &machine_percpu[n];
}

void machine_begin(unsigned frames)
{
    frame_limit = frames;
    frame_table = calloc(frames, sizeof(*frame_table));
    m2p_table = calloc(frames, sizeof(*m2p_table));
    machine_memory = aligned_alloc(PAGE_SIZE, frames * PAGE_SIZE);
    memset(machine_memory, 0xa5, frames * PAGE_SIZE);
    memset(machine_memory + idle_root_pa, 0, PAGE_SIZE);
    for (unsigned i = 0; i < MACHINE_HV_SLOTS; i++)
        machine_hv_slots[i] = HV_ENTRY | (i ? 0 : PTE_U) | (uint64_t)i << 52;
    checks_begin(frames);
    ghost_start();
    domain_start(&machine_guest, 1, false, frames);
    domain_start(&machine_control, 0, true, frames);
    vcpu_start(0, &machine_guest);
    vcpu_start(1, &machine_guest);
    vcpu_start(2, &machine_control);
    vcpu_start(3, &machine_guest);
    memset(traps, 0, sizeof(traps));
    memset(machine_window, 0, sizeof(machine_window));
    machine_this_cpu = &machine_percpu[0];
    hooks_reset();
    machine_between_restarts = 0;
    log_clear();
    for (unsigned n = 0; n < FRAMES_HV; n++)
        frame_table[n].ref = (n == 1 ? (uint64_t)OWNER_IO : OWNER_HV) << FRAME_OWNER_SHIFT;
    for (unsigned n = 0; n < frames; n++)
        m2p_set(mfn_of(n), M2P_INVALID);
    for (unsigned n = FRAMES_HV; n < frames; n++)
        frame_table[n].ref = (uint64_t)OWNER_NONE << FRAME_OWNER_SHIFT;
    page_alloc_add(mfn_of(FRAMES_HV), frames - FRAMES_HV);
    frames_free_at_start = page_free_count();
    /* A clock that has run a while: date 0 of a fresh frame word means nothing. */
    tlb_flush_all();
}

void machine_end(void)
{
    hooks_reset();
    for (unsigned n = MACHINE_CPUS; n-- > 0;) {
        machine_run(n);
        tlb_load_root(idle_root_pa);
    }
    holds_end();
    grants_end();
    (void)teardown_memory(&machine_control); /* the guest may have frames of it mapped */
    assert_int_equal(teardown_memory(&machine_guest), 0);
    assert_int_equal(teardown_memory(&machine_control), 0);
    assert_int_equal(machine_guest.owner.pages, 0);
    assert_int_equal(machine_control.owner.pages, 0);
    assert_int_equal(page_free_count(), frames_free_at_start);
    machine_check("teardown");
    while (frame_valid(page_alloc(0)))
        ;
    owner_unregister(&machine_guest.owner);
    owner_unregister(&machine_control.owner);
    ghost_stop();
    free(frame_table);
    free(m2p_table);
    checks_end();
    free(machine_memory);
}

int machine_setup(void **state)
{
    (void)state;
    machine_begin(64);
    return 0;
}

int machine_teardown(void **state)
{
    (void)state;
    machine_end();
    return 0;
}

void machine_run(unsigned n)
{
    machine_this_cpu = &machine_percpu[n];
}

/* ---- pages ------------------------------------------------------------------ */

mfn_t machine_page(struct domain *d)
{
    mfn_t mfn = owner_alloc(&d->owner, 0);

    assert_true(frame_valid(mfn));
    m2p_set(mfn, 0x1000 + mfn.n);
    return mfn;
}

void machine_poke(mfn_t mfn, unsigned slot, uint64_t value)
{
    /* A guest writes through the writable type. */
    assert_int_equal(page_get_typed(mfn, frame_owner(mfn), PT_WRITABLE), 0);
    ((uint64_t *)frame_va(mfn))[slot] = value;
    page_put_typed(mfn);
}

uint64_t machine_peek(mfn_t mfn, unsigned slot)
{
    return ((uint64_t *)frame_va(mfn))[slot];
}

struct machine_tree machine_tree(struct domain *d, uint64_t leaf_flags)
{
    struct machine_tree t;

    for (unsigned level = 0; level <= 4; level++) {
        t.l[level] = machine_page(d);
        if (level)
            machine_poke(t.l[level], GUEST_SLOT,
                         pte_make(t.l[level - 1], level == 1 ? leaf_flags : BRANCH));
    }
    return t;
}
