/* SPDX-License-Identifier: MIT */
/* The machine of memory programs: its start, its end, the check of all rules. */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include "dom/evtchn.h"
#include "dom/gnttab.h"
#include "lib/printk.h"
#include "mm/hv_map.h"
#include "mm/m2p.h"
#include "mm/owner.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"
#include "pt/audit.h"
#include "pt/pin.h"

#define HV_SLOTS  (PT_HV_SLOT_LAST - PT_HV_SLOT_FIRST + 1)
#define REFS_MAX  (VCPUS * (2 + GDT_PAGES + LDT_PAGES))
#define GDT_PAGES 14u
#define LDT_PAGES 16u

uint8_t machine_memory_pages[FRAMES * PAGE_SIZE] __attribute__((aligned(4096)));
uint8_t *machine_memory = machine_memory_pages;
struct frame *frame_table;
uint64_t *m2p_table;
struct percpu *machine_this_cpu;
struct vcpu vcpus[VCPUS], idle;
struct percpu cpus[CPUS];
unsigned busy;
bool one_cpu, machine_foreign_tables, trace_on;
extern bool hooks_eager;

static struct frame frames[FRAMES];
static uint64_t m2p[FRAMES];
static struct audit_count scratch[FRAMES];
static uint64_t free_at_start;
static struct op_hooks quiet;

/* ---- what runs ---- */

bool vcpu_exists(unsigned n)
{
    return vcpus[n].domain && vcpus[n].state == VCPU_RUNNABLE;
}

void cpu_load(struct percpu *cpu, struct vcpu *v)
{
    machine_this_cpu = cpu;
    cpu->current = v;
    cpu->pt_work = &v->pt_work;
    v->cpu = cpu;
    tlb_load_root(v->domain && vcpu_cr3(v) ? vcpu_cr3(v) : idle_root_pa);
}

void machine_run(unsigned n)
{
    struct percpu *cpu = &cpus[one_cpu ? 0 : n];

    machine_this_cpu = cpu;
    if (cpu->current != &vcpus[n])
        cpu_load(cpu, &vcpus[n]);
}

void vcpu_load_root(struct vcpu *v)
{
    tlb_load_root(vcpu_cr3(v));
}

/* ---- start and stop ---- */

static void allocator_fill(void)
{
    while (frame_valid(page_alloc(0)))
        ;
    for (unsigned n = 0; n < FRAMES; n++) {
        uint16_t owner = n == 1 ? OWNER_IO : n < FRAME_RAM ? OWNER_HV : OWNER_NONE;

        frames[n] = (struct frame){ .ref = (uint64_t)owner << FRAME_OWNER_SHIFT };
        m2p[n] = M2P_INVALID;
    }
    page_alloc_add(mfn_of(FRAME_RAM), FRAMES - FRAME_RAM);
    free_at_start = page_free_count();
}

static void idle_root_fill(void)
{
    uint64_t *idle = frame_va(mfn_of(FRAME_IDLE));

    memset(idle, 0, PAGE_SIZE);
    for (unsigned i = 0; i < HV_SLOTS; i++)
        idle[PT_HV_SLOT_FIRST + i] = HV_ENTRY | (i ? 0 : PTE_U) | (uint64_t)i << 52;
}

void machine_begin(const struct header *h)
{
    strand_hooks = &quiet;
    quiet = (struct op_hooks){ 0 };
    frame_table = frames;
    frame_limit = FRAMES;
    m2p_table = m2p;
    idle_root_pa = FRAME_IDLE * PAGE_SIZE;
    one_cpu = h->mode & HEADER_ONE_CPU;
    trace_on = h->mode & HEADER_TRACE;
    hooks_eager = false;
    busy = 0;
    machine_foreign_tables = false;
    memset(&idle, 0, sizeof(idle));
    for (unsigned n = 0; n < CPUS; n++) {
        cpus[n] = (struct percpu){ .cpu_id = n, .current = &idle };
        cpus[n].self = &cpus[n];
        cpus[n].pt_work = &idle.pt_work;
    }
    machine_this_cpu = &cpus[0];
    hooks_start();
    ghost_start();
    idle_root_fill();
    allocator_fill();
    /* A clock that has run a while: date 0 of a fresh frame word means nothing. */
    tlb_flush_all();
    domains_start();
    for (unsigned n = VCPUS; n-- > 0;)
        machine_run(n);
    hooks_eager = h->mode & HEADER_EAGER;
    machine_check();
}

void machine_end(const struct header *h)
{
    static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                          { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

    hooks_eager = false;
    strand_hooks = &quiet;
    quiet.preempt_at = h->mode & HEADER_PREEMPT ? ALWAYS : 0;
    hooks_request();
    for (unsigned i = 0; i < DOMAINS; i++) {
        struct machine_domain *m = &domains[orders[h->order % 6][i]];

        if (m->exists)
            machine_destroy(m);
        machine_check();
    }
    for (unsigned i = 0; i < DOMAINS; i++) {
        const struct owner *o = &domains[i].d.owner;

        if (domains[i].dead)
            fuzz_fail("d%u: %u frames did not come back", o->id, o->pages + o->lent);
    }
    fuzz_assert(page_free_count() == free_at_start);
}

/* ---- the check ---- */

static unsigned roots_collect(struct audit_ref *refs)
{
    unsigned n = 0;

    for (unsigned i = 0; i < VCPUS; i++) {
        const struct vcpu *v = &vcpus[i];

        if (!v->domain)
            continue;
        if (v->cr3_kernel)
            refs[n++] = (struct audit_ref){ ma_to_mfn(v->cr3_kernel), PT_L4, "kernel root" };
        if (v->cr3_user)
            refs[n++] = (struct audit_ref){ ma_to_mfn(v->cr3_user), PT_L4, "user root" };
        for (unsigned k = 0; k < GDT_PAGES; k++)
            if (!mfn_eq(v->gdt_mfn[k], MFN_NONE))
                refs[n++] = (struct audit_ref){ v->gdt_mfn[k], PT_SEG, "GDT slot" };
        for (unsigned k = 0; k < LDT_PAGES; k++)
            if (v->ldt_mapped & 1u << k)
                refs[n++] = (struct audit_ref){ v->ldt_mfn[k], PT_SEG, "LDT slot" };
    }
    return n;
}

static bool may_map(uint16_t table_owner, mfn_t frame, bool writable)
{
    return table_owner == 0 || machine_foreign_tables ||
           gnttab_may_map(table_owner, frame, writable);
}

/* What the per-domain area shows at va, 0 for nothing. */
static uint64_t window_entry(const struct perdomain_map *map, uint64_t va)
{
    uint64_t pte = map->l3_pa | PTE_P;

    for (unsigned level = 3; level > 0 && (pte & PTE_P) && pte_mfn(pte).n < FRAMES; level--)
        pte = ((uint64_t *)frame_va(pte_mfn(pte)))[va >> (3 + level * 9) & 511];
    return pte & PTE_P ? pte : 0;
}

/* I27: the windows show the vCPU's GDT and LDT pages and nothing else. */
static void windows_check(const struct vcpu *v)
{
    const struct perdomain_map *map = &v->domain->perdomain;
    uint64_t va = PERDOMAIN_VA + v->id * PERDOMAIN_VCPU_SIZE;

    for (unsigned i = 0; v->perdomain_gdt && i < GDT_PAGES; i++) {
        uint64_t n = pte_mfn(window_entry(map, va + i * PAGE_SIZE)).n;

        if (n != (mfn_eq(v->gdt_mfn[i], MFN_NONE) ? FRAME_IDLE : v->gdt_mfn[i].n))
            fuzz_fail("d%uv%u: page %u of the GDT's window shows frame %lx", v->domain->id, v->id,
                      i, n);
    }
    for (unsigned i = 0; i < LDT_PAGES; i++) {
        uint64_t pte = window_entry(map, va + PERDOMAIN_LDT_OFFSET + i * PAGE_SIZE);
        bool mapped = v->ldt_mapped >> i & 1;

        if (mapped != (pte != 0) || (mapped && pte_mfn(pte).n != v->ldt_mfn[i].n))
            fuzz_fail("d%uv%u: page %u of the LDT's window shows %016lx", v->domain->id, v->id, i,
                      pte);
    }
}

static void list_grants(audit_visit_fn *visit, void *arg)
{
    for (const struct domain *d = domain_list; d; d = d->next)
        gnttab_holds(d, visit, arg);
}

void machine_check(void)
{
    struct audit_ref refs[REFS_MAX];
    const struct pt_work *works[VCPUS + 1];
    struct audit_roots roots = { .refs = refs,
                                 .works = works,
                                 .works_count = VCPUS + 1,
                                 .at_rest = true,
                                 .hv_slots = (uint64_t *)frame_va(mfn_of(FRAME_IDLE)) +
                                             PT_HV_SLOT_FIRST,
                                 .more_refs = list_grants,
                                 .may_map = may_map,
                                 .scratch = scratch };
    struct audit a = { .roots = &roots };

    ghost_step();
    domains_forget();
    works[VCPUS] = &idle.pt_work;
    for (unsigned i = 0; i < VCPUS; i++)
        works[i] = &vcpus[i].pt_work;
    for (unsigned i = 0; i < VCPUS; i++)
        if (vcpu_exists(i) && vcpus[i].domain->perdomain.l3_pa)
            windows_check(&vcpus[i]);
    for (unsigned i = 0; i <= VCPUS; i++)
        roots.at_rest &= !works[i]->used;
    roots.refs_count = roots_collect(refs);
    audit_tables(&a);
    audit_free(&a);
    gnttab_audit(&a, domain_list);
    evtchn_audit(&a, domain_list);
    if (a.found)
        fuzz_fail("%u differences found by the auditor", a.found);
}
