/* SPDX-License-Identifier: MIT */
/* The machine of memory programs: its start, its domains' deaths, the check of all rules. */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include "dom/teardown.h"
#include "lib/printk.h"
#include "mm/hv_map.h"
#include "mm/m2p.h"
#include "mm/owner.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"
#include "pt/audit.h"
#include "pt/pin.h"

#define HV_SLOTS  (PT_HV_SLOT_LAST - PT_HV_SLOT_FIRST + 1)
#define HV_ENTRY  (FRAME_IDLE * PAGE_SIZE | PTE_P | PTE_RW | PTE_A | PTE_D)
#define BLANK     7u /* pages of d1 that are no tables yet */
#define REFS_MAX  (VCPUS * (2 + GDT_PAGES + LDT_PAGES))
#define GDT_PAGES 14u
#define LDT_PAGES 16u
#define PAGES_MAX 24u

uint8_t machine_memory_pages[FRAMES * PAGE_SIZE] __attribute__((aligned(4096)));
uint8_t *machine_memory = machine_memory_pages;
struct frame *frame_table;
struct percpu *machine_this_cpu;
struct machine_domain domains[DOMAINS];
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

/* Of each domain: its id, its vCPUs, blank pages. */
static const struct {
    uint16_t id;
    unsigned first_vcpu, vcpu_count, blank;
} plan[DOMAINS] = { { 1, 0, 2, BLANK }, { 0, 2, 1, 1 }, { 2, 3, 1, 1 } };

/* ---- what runs ---- */

bool vcpu_exists(unsigned n)
{
    return vcpus[n].domain && vcpus[n].state == VCPU_RUNNABLE;
}

static void cpu_load(struct percpu *cpu, struct vcpu *v)
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

/* ---- domains ---- */

/* The pages that the domains had first: d1's, d0's, d2's, each from the page up to the L4. */
#define PAGES_KNOWN 24u
static uint64_t pages_known[PAGES_KNOWN];
static unsigned pages_count;

uint64_t machine_page(unsigned n)
{
    return pages_known[n % PAGES_KNOWN];
}

static void machine_poke(mfn_t table, unsigned slot, mfn_t mfn, uint64_t flags)
{
    ((uint64_t *)frame_va(table))[slot] = pte_make(mfn, flags);
}

/*
 * The memory that the domain builder would give: l[4] -> … -> l[1], the page and the tables mapped in
 * the first slots of l[1], the tables read-only; then blank pages, half of them writable.
 */
static bool memory_build(struct machine_domain *m, unsigned blank, mfn_t *root)
{
    mfn_t l[5 + BLANK];

    for (unsigned i = 0; i < 5 + blank; i++) {
        l[i] = owner_alloc(&m->d.owner, 0);
        if (!frame_valid(l[i]))
            return false;
        m2p_set(l[i], 0x1000 + l[i].n);
        if (pages_count < PAGES_KNOWN)
            pages_known[pages_count++] = l[i].n;
    }
    for (unsigned level = 2; level <= 4; level++)
        machine_poke(l[level], 0, l[level - 1], BRANCH);
    for (unsigned i = 0; i < 5; i++)
        machine_poke(l[1], i, l[i], i ? LEAF_RO : LEAF_RW);
    for (unsigned i = 0; i < blank; i++)
        machine_poke(l[1], 5 + i, l[5 + i], i < blank / 2 ? LEAF_RW : LEAF_RO);
    *root = l[4];
    return true;
}

static void vcpu_begin(unsigned n, struct domain *d)
{
    struct vcpu *v = &vcpus[n];

    memset(v, 0, sizeof(*v));
    v->domain = d;
    v->id = d->vcpus;
    v->info_mfn = MFN_NONE;
    for (unsigned i = 0; i < GDT_PAGES; i++)
        v->gdt_mfn[i] = MFN_NONE;
    d->vcpu[d->vcpus++] = v;
}

struct domain *domain_list; /* for grants, which nobody here makes */
static shared_info_t shared;

bool machine_create(struct machine_domain *m)
{
    unsigned i = (unsigned)(m - domains);
    mfn_t root;
    bool built;

    if (m->exists || m->left || (busy >> plan[i].first_vcpu & ((1u << plan[i].vcpu_count) - 1)))
        return false;
    memset(&m->d, 0, sizeof(m->d));
    m->d.id = plan[i].id;
    m->d.initial = plan[i].id == 0;
    m->d.shared = &shared;
    m->d.console_mfn = m->d.store_mfn = m->d.shared_mfn = MFN_NONE;
    m->d.vm_assist = 1ul << VMASST_TYPE_writable_pagetables;
    m->d.owner = (struct owner){ .id = m->d.id,
                                 .max_pages = PAGES_MAX,
                                 .perdomain_entry = (m->d.id + 0x100ul) << PAGE_SHIFT | HV_ENTRY };
    fuzz_assert(owner_register(&m->d.owner));
    m->exists = true;
    for (unsigned n = 0; n < plan[i].vcpu_count; n++)
        vcpu_begin(plan[i].first_vcpu + n, &m->d);
    built = memory_build(m, plan[i].blank, &root);
    for (unsigned n = 0; built && n < plan[i].vcpu_count; n++) {
        struct vcpu *v = &vcpus[plan[i].first_vcpu + n];

        fuzz_assert(!root_get(root, m->d.id));
        v->cr3_kernel = mfn_to_ma(root);
        hv_map_show_m2p(frame_va(root), 1);
    }
    for (unsigned n = 0; built && n < plan[i].vcpu_count; n++)
        vcpus[plan[i].first_vcpu + n].state = VCPU_RUNNABLE;
    if (!built)
        machine_destroy(m);
    return built;
}

/* A destroyed domain whose frames are all back is gone for good. */
static void domain_forget(struct machine_domain *m)
{
    if (m->exists || !m->left || m->d.owner.pages)
        return;
    m->left = 0;
    owner_unregister(&m->d.owner);
}

void machine_destroy(struct machine_domain *m)
{
    struct percpu *cpu = machine_this_cpu;
    struct vcpu *current = cpu->current;

    for (unsigned n = 0; n < m->d.vcpus; n++) {
        m->d.vcpu[n]->state = VCPU_STOPPED;
        for (unsigned i = 0; i < CPUS; i++)
            if (cpus[i].current == m->d.vcpu[n])
                cpu_load(&cpus[i], &idle);
    }
    if (one_cpu && cpus[0].current != &idle)
        cpu_load(&cpus[0], &idle);
    machine_this_cpu = cpu;
    cpu->current = &idle;
    cpu->pt_work = &idle.pt_work;
    m->d.owner.dying = true;
    m->exists = false;
    m->left = teardown_memory(&m->d);
    perdomain_free(&m->d.perdomain);
    if (!m->left)
        owner_unregister(&m->d.owner);
    if (current != &idle && current->state == VCPU_RUNNABLE)
        cpu_load(cpu, current);
}

struct domain *domain_find(uint16_t id)
{
    if (id == DOMID_SELF)
        return domain_current();
    for (unsigned i = 0; i < DOMAINS; i++)
        if (domains[i].exists && domains[i].d.id == id)
            return &domains[i].d;
    return 0;
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
    busy = pages_count = 0;
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
    for (unsigned i = 0; i < DOMAINS; i++) {
        domains[i].exists = false;
        domains[i].left = 0;
        fuzz_assert(machine_create(&domains[i]));
    }
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
        if (domains[i].left)
            fuzz_fail("d%u: %u frames did not come back", domains[i].d.id, domains[i].left);
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
    (void)frame;
    (void)writable;
    return table_owner == 0 || machine_foreign_tables;
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
                                 .may_map = may_map,
                                 .scratch = scratch };
    unsigned found;

    ghost_step();
    for (unsigned i = 0; i < DOMAINS; i++)
        domain_forget(&domains[i]);
    works[VCPUS] = &idle.pt_work;
    for (unsigned i = 0; i < VCPUS; i++)
        works[i] = &vcpus[i].pt_work;
    for (unsigned i = 0; i < VCPUS; i++)
        if (vcpu_exists(i) && vcpus[i].domain->perdomain.l3_pa)
            windows_check(&vcpus[i]);
    for (unsigned i = 0; i <= VCPUS; i++)
        roots.at_rest &= !works[i]->used;
    roots.refs_count = roots_collect(refs);
    found = audit_run(&roots);
    if (found)
        fuzz_fail("%u differences found by the auditor", found);
}
