/* SPDX-License-Identifier: MIT */
/* The small machine's parts, and what stands in for the rooms above pt/; see small.h. */
#include "small.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom/gnttab.h"
#include "dom/teardown.h"
#include "grants.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "guest_word_copy.h"
#include "mm/hv_map.h"
#include "mm/m2p.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"
#include "pt/audit.h"
#include "pv/descriptor.h"
#include "pv/hypercall.h"
#include "pv/memory_op.h"
#include "pv/refuse.h"

#define FRAME_LIMIT (FIRST + FRAMES_MAX)
#define HV_ENTRY    (2 * PAGE_SIZE | PTE_P | PTE_RW | PTE_A | PTE_D)

struct config config;
struct domain small_domain[DOMAINS];
struct domain *domain_list; /* for grants */
struct vcpu small_vcpu[CPUS];
struct percpu small_percpu[CPUS];
struct percpu *machine_this_cpu;
bool small_segment[FRAMES_MAX];
struct frame *frame_table;
uint64_t *m2p_table;
uint8_t *machine_memory;
uint64_t idle_root_pa = 2 * PAGE_SIZE;
bool trace_on;
jmp_buf small_found;
char small_text[4096];
uint8_t small_guest_memory[CPUS][GUEST_BYTES];

static uint64_t hv_slots[PT_HV_SLOT_LAST - PT_HV_SLOT_FIRST + 1] = { HV_ENTRY | PTE_U };
static struct audit_count scratch[FRAME_LIMIT];
static char log_text[3072];
static size_t log_used;

/* ---- the log and the end ---------------------------------------------------- */

/* Only the auditor's lines are kept. */
void printk(enum log_level level, const char *fmt, ...)
{
    va_list args;

    if (level != LOG_ERROR || log_used + 256 > sizeof(log_text))
        return;
    va_start(args, fmt);
    log_used += (size_t)vsnprintf(log_text + log_used, 256, fmt, args);
    va_end(args);
}

void guest_printk(unsigned domid, unsigned vcpu, enum log_level level, const char *fmt, ...)
{
    (void)domid;
    (void)vcpu;
    (void)level;
    (void)fmt;
}

void violation(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(small_text, sizeof(small_text), fmt, args);
    va_end(args);
    longjmp(small_found, 1);
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(log_text, sizeof(log_text), fmt, args);
    va_end(args);
    violation("panic: %s", log_text);
}

/* Refusals are not explained here: the sentence costs more than the request. */
long refuse_report(const char *hypercall, const struct refused_entry *e, long err)
{
    (void)hypercall;
    (void)e;
    refusal_clear();
    return err;
}

long refused(const char *hypercall, long err, const char *rule)
{
    (void)rule;
    return refuse_report(hypercall, 0, err);
}

void refuse_status(const char *what, unsigned index, int status)
{
    (void)index;
    refuse_report(what, 0, status);
}

/* ---- what is above pt/ ------------------------------------------------------ */

void hv_map_fill_slots(uint64_t *l4, uint64_t perdomain_entry)
{
    (void)perdomain_entry;
    l4[PT_HV_SLOT_FIRST] = 0;
}

void hv_map_show_m2p(uint64_t *l4, int visible)
{
    l4[PT_HV_SLOT_FIRST] = visible ? hv_slots[0] : 0;
}

void vcpu_descriptors_release(struct vcpu *v)
{
    (void)v;
}

void ldt_unmap(struct vcpu *v)
{
    (void)v;
}

long ldt_set(uint64_t va, uint64_t entries)
{
    (void)va;
    (void)entries;
    return -EINVAL;
}

long memory_exchange(uint64_t arg_va)
{
    (void)arg_va;
    return -ENOSYS;
}

long memory_info(unsigned cmd, uint64_t arg_va)
{
    (void)cmd;
    return memory_exchange(arg_va);
}

void vcpu_load_root(struct vcpu *v)
{
    tlb_load_root(vcpu_cr3(v));
}

struct domain *domain_find(uint16_t id)
{
    for (unsigned d = 0; d < config.domains; d++)
        if (small_domain[d].id == id)
            return &small_domain[d];
    return id == DOMID_SELF ? domain_current() : 0;
}

static bool guest_range(uint64_t va, size_t bytes)
{
    return va >= GUEST_VA && va - GUEST_VA + bytes <= GUEST_BYTES;
}

int guest_read(void *dst, uint64_t va, size_t bytes)
{
    if (!guest_range(va, bytes))
        return -EFAULT;
    memcpy(dst, small_guest() + (va - GUEST_VA), bytes);
    return 0;
}

int guest_write(uint64_t va, const void *src, size_t bytes)
{
    if (!guest_range(va, bytes))
        return -EFAULT;
    memcpy(small_guest() + (va - GUEST_VA), src, bytes);
    return 0;
}

long hypercall_restart(unsigned nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    (void)nr;
    (void)a1;
    (void)a2;
    (void)a3;
    (void)a4;
    (void)a5;
    small_hooks.restart = true;
    return 0;
}

/* ---- start and checks ------------------------------------------------------- */

bool small_is_other(unsigned cpu)
{
    return cpu == CPU_OTHER;
}

void small_run(unsigned cpu)
{
    machine_this_cpu = &small_percpu[cpu];
}

static void domain_start(unsigned n)
{
    struct domain *d = &small_domain[n];

    d->id = n ? 0 : 1;
    d->initial = n;
    d->console_mfn = d->store_mfn = d->shared_mfn = MFN_NONE;
    d->owner.id = d->id;
    d->owner.max_pages = FRAME_LIMIT;
    owner_register(&d->owner);
}

void small_start(void)
{
    frame_limit = FIRST + config.frames;
    frame_table = calloc(frame_limit, sizeof(*frame_table));
    m2p_table = malloc(frame_limit * sizeof(*m2p_table));
    memset(m2p_table, 0xff, frame_limit * sizeof(*m2p_table));
    machine_memory = aligned_alloc(PAGE_SIZE, frame_limit * PAGE_SIZE);
    memset(machine_memory, 0, frame_limit * PAGE_SIZE);
    for (unsigned n = 0; n < config.domains; n++)
        domain_start(n);
    for (unsigned n = 0; n < CPUS; n++) {
        struct vcpu *v = &small_vcpu[n];

        v->domain = &small_domain[small_is_other(n)];
        v->info_mfn = MFN_NONE;
        v->cpu = &small_percpu[n];
        v->id = v->domain->vcpus;
        v->domain->vcpu[v->domain->vcpus++] = v;
        small_percpu[n] = (struct percpu){ .cpu_id = n, .current = v, .pt_work = &v->pt_work };
        small_percpu[n].self = &small_percpu[n];
    }
    small_run(0);
    grants_start();
}

static bool may_map(uint16_t table_owner, mfn_t frame, bool writable)
{
    if (config.grants)
        return gnttab_may_map(table_owner, frame, writable);
    return table_owner == small_domain[1].id && frame_owner(frame) == small_domain[0].id;
}

static unsigned cpus(void)
{
    return config.domains == 2 ? CPUS : CPU_OTHER;
}

static void list_grants(audit_visit_fn *visit, void *arg)
{
    for (const struct domain *d = domain_list; d; d = d->next)
        gnttab_holds(d, visit, arg);
}

void small_audit(bool at_rest)
{
    struct audit_ref refs[2 * CPUS + FRAMES_MAX];
    const struct pt_work *works[CPUS];
    struct audit a = { 0 };
    unsigned n = 0;

    for (unsigned i = 0; i < cpus(); i++) {
        const struct vcpu *v = &small_vcpu[i];

        works[i] = &v->pt_work;
        if (v->cr3_kernel)
            refs[n++] = (struct audit_ref){ ma_to_mfn(v->cr3_kernel), PT_L4, "kernel root" };
        if (v->cr3_user)
            refs[n++] = (struct audit_ref){ ma_to_mfn(v->cr3_user), PT_L4, "user root" };
    }
    for (unsigned g = 0; g < config.frames; g++)
        if (small_segment[g])
            refs[n++] = (struct audit_ref){ frame_mfn(g), PT_SEG, "descriptor slot" };
    log_used = 0;
    log_text[0] = 0;
    a.roots = &(struct audit_roots){ .refs = refs,
                                     .refs_count = n,
                                     .works = works,
                                     .works_count = cpus(),
                                     .at_rest = at_rest,
                                     .hv_slots = hv_slots,
                                     .more_refs = list_grants,
                                     .may_map = may_map,
                                     .scratch = scratch };
    audit_tables(&a);
    if (config.give_back)
        audit_free(&a);
    gnttab_audit(&a, domain_list);
    if (a.found)
        violation("%s", log_text);
}

/* As the idle vCPU does it: with a slot for pending cleanup that is nobody else's. */
void small_teardown(unsigned first)
{
    static struct pt_work idle_work;

    small_hooks = (struct small_hooks){ .quiet = true, .no_preempt = true };
    small_run(0);
    small_percpu[0].pt_work = &idle_work;
    for (unsigned g = 0; g < config.frames; g++) {
        if (small_segment[g])
            page_put_typed(frame_mfn(g));
        small_segment[g] = false;
    }
    for (unsigned i = 0; i < config.domains; i++) {
        unsigned d = first ^ i;

        (void)teardown_memory(&small_domain[d]);
    }
    grants_end();
    small_percpu[0].pt_work = &small_vcpu[0].pt_work;
    for (unsigned g = 0; g < config.frames; g++)
        if (frame_owner(frame_mfn(g)) != OWNER_NONE)
            violation("frame %c is not free when its owner is taken apart", 'A' + g);
    for (unsigned d = 0; d < config.domains; d++)
        if (small_domain[d].owner.pages)
            violation("the account of d%u has %u pages at its end", small_domain[d].id,
                      small_domain[d].owner.pages);
    small_audit(true);
}
