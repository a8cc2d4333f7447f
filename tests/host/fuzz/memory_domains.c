/* SPDX-License-Identifier: MIT */
/* The domains of memory programs: their beginnings, their ends, and what they leave to others meanwhile. */
#include "memory_requests.h"

#include <string.h>

#include "dom/evtchn.h"
#include "dom/gnttab.h"
#include "dom/teardown.h"
#include "mm/hv_map.h"
#include "mm/m2p.h"
#include "mm/owner.h"
#include "mm/page_alloc.h"
#include "pt/pin.h"

#define BLANK     7u /* pages of d1 that are no tables yet */
#define GDT_PAGES 14u
#define PAGES_MAX 24u

struct machine_domain domains[DOMAINS];
struct domain *domain_list;

static shared_info_t shared[DOMAINS];

/* Of each domain: its id, its vCPUs, blank pages. */
static const struct {
    uint16_t id;
    unsigned first_vcpu, vcpu_count, blank;
} plan[DOMAINS] = { { 1, 0, 2, BLANK }, { 0, 2, 1, 1 }, { 2, 3, 1, 1 } };

/* Those that exist, and the dead with frames or grants in use, by their ids. */
static void list_make(void)
{
    static const uint8_t by_id[DOMAINS] = { 1, 0, 2 };
    struct domain **link = &domain_list;

    for (unsigned i = 0; i < DOMAINS; i++) {
        struct machine_domain *m = &domains[by_id[i]];

        if (!m->exists && !m->dead)
            continue;
        *link = &m->d;
        link = &m->d.next;
    }
    *link = 0;
}

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
    uint64_t granted[1 + BLANK];
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
    for (unsigned i = 0; i < blank; i++)
        granted[1 + i] = l[5 + i].n;
    granted[0] = l[0].n;
    grants_begin(&m->d, granted, 1 + blank);
    *root = l[4];
    return true;
}

static void vcpu_begin(unsigned n, struct domain *d)
{
    struct vcpu *v = &vcpus[n];

    memset(v, 0, sizeof(*v));
    v->domain = d;
    v->id = d->vcpus;
    v->info = &d->shared->vcpu_info[v->id];
    v->info_mfn = MFN_NONE;
    for (unsigned i = 0; i < GDT_PAGES; i++)
        v->gdt_mfn[i] = MFN_NONE;
    d->vcpu[d->vcpus++] = v;
}

static void domain_begin(struct machine_domain *m, unsigned i)
{
    memset(&m->d, 0, sizeof(m->d));
    memset(&shared[i], 0, sizeof(shared[i]));
    m->d.id = plan[i].id;
    m->d.initial = plan[i].id == 0;
    m->d.shared = &shared[i];
    m->d.console_mfn = m->d.store_mfn = m->d.shared_mfn = MFN_NONE;
    m->d.vm_assist = 1ul << VMASST_TYPE_writable_pagetables;
    m->d.owner = (struct owner){ .id = m->d.id,
                                 .max_pages = PAGES_MAX,
                                 .perdomain_entry = (m->d.id + 0x100ul) << PAGE_SHIFT | HV_ENTRY };
    fuzz_assert(owner_register(&m->d.owner));
    m->exists = true;
    list_make();
    for (unsigned n = 0; n < plan[i].vcpu_count; n++)
        vcpu_begin(plan[i].first_vcpu + n, &m->d);
}

/* A port that the builder would give it comes first, as the console's does. */
static bool tables_build(struct domain *d)
{
    if (!evtchn_init(d) || !gnttab_create(d))
        return false;
    d->console_port = evtchn_bind_hypervisor(d);
    return true;
}

bool machine_create(struct machine_domain *m)
{
    unsigned i = (unsigned)(m - domains);
    mfn_t root;
    bool built;

    if (m->exists || m->dead || (busy >> plan[i].first_vcpu & ((1u << plan[i].vcpu_count) - 1)))
        return false;
    domain_begin(m, i);
    built = tables_build(&m->d) && memory_build(m, plan[i].blank, &root);
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

/* A destroyed domain whose frames are all back, and whose grants nobody uses, is gone for good. */
static void domain_forget(struct machine_domain *m, bool told)
{
    struct domain *d = &m->d;

    if (m->exists || m->ends || !m->dead)
        return;
    if (d->gnttab && gnttab_idle(d)) {
        if (!told)
            fuzz_fail("d%u: its grants are no longer used, and nobody was told", d->id);
        gnttab_destroy(d);
    }
    if (d->gnttab || d->owner.pages || d->owner.lent)
        return;
    if (!told)
        fuzz_fail("d%u: its last frame is back, and nobody was told", d->id);
    m->dead = false;
    owner_unregister(&d->owner);
    list_make();
}

void domains_forget(void)
{
    bool told = owner_frames_gone;

    owner_frames_gone = false;
    for (unsigned i = 0; i < DOMAINS; i++)
        domain_forget(&domains[i], told);
}

static void vcpus_stop(struct domain *d)
{
    for (unsigned n = 0; n < d->vcpus; n++) {
        d->vcpu[n]->state = VCPU_STOPPED;
        for (unsigned i = 0; i < CPUS; i++)
            if (cpus[i].current == d->vcpu[n])
                cpu_load(&cpus[i], &idle);
    }
}

void machine_destroy(struct machine_domain *m)
{
    struct percpu *cpu = machine_this_cpu;
    struct vcpu *current = cpu->current;

    vcpus_stop(&m->d);
    if (one_cpu && cpus[0].current != &idle)
        cpu_load(&cpus[0], &idle);
    machine_this_cpu = cpu;
    cpu->current = &idle;
    cpu->pt_work = &idle.pt_work;
    m->d.owner.dying = m->dead = true;
    m->exists = false;
    m->ends = true;
    evtchn_destroy(&m->d);
    (void)teardown_memory(&m->d);
    perdomain_free(&m->d.perdomain);
    m->ends = false;
    owner_frames_gone = true;
    domains_forget();
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

void domains_start(void)
{
    pages_count = 0;
    for (unsigned i = 0; i < DOMAINS; i++)
        domains[i].exists = domains[i].dead = domains[i].ends = false;
    for (unsigned i = 0; i < DOMAINS; i++)
        fuzz_assert(machine_create(&domains[i]));
    owner_frames_gone = false;
}
