/* SPDX-License-Identifier: MIT */
/*
 * The audit of the running machine; see books.h. Memory to count in, 8 bytes for each frame, is
 * reserved at boot with audit=, and otherwise taken for the time of one audit.
 *
 * Invariant: nothing here changes what it looks at; memory taken for an audit is given back.
 * Callers: cpu/exit.c, dom/domain.c, dom/console.c, lib/panic.c.
 */
#include "dom/books.h"

#include "dom/gnttab.h"
#include "dom/sched.h"
#include "dom/vcpu.h"
#include "lib/machine.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/hv_map.h"
#include "mm/layout.h"
#include "mm/page_alloc.h"
#include "pt/audit.h"
#include "pt/descriptor.h"
#include "pt/walk.h"

#define LDT_PAGES       (LDT_MAX_ENTRIES * 8 / PAGE_SIZE)
#define REFS_PER_VCPU   (3 + GDT_GUEST_PAGES + LDT_PAGES)
#define FULL_EVERY      1024u /* checks of the sums, one that recounts everything */
#define REFS_PER_DOMAIN 2

/* A window's entry to a frame of the guest's: writable, because the CPU marks descriptors accessed. */
#define WINDOW_FLAGS (PTE_P | PTE_RW | PTE_NX)

enum books_when books_when;

static struct audit_count *scratch;
static struct audit_sums sums;
static bool busy, told; /* an audit is under way; what it found is what the panic is about */
static uint64_t checks;

/* What domains hold, listed anew for each audit, in memory that grows with them. */
static struct audit_ref *refs;
static const struct pt_work **works;
static unsigned refs_count, works_count, refs_room, works_room;
static unsigned lists_order;

static unsigned order_of(uint64_t bytes)
{
    uint64_t pages = (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;

    return pages > 1 ? 64 - (unsigned)__builtin_clzl(pages - 1) : 0;
}

/* Memory in one piece, 0 if there is none. A panic may have come while the allocator was at work. */
static void *pages_take(uint64_t bytes)
{
    mfn_t mfn = page_alloc_idle() ? page_alloc(order_of(bytes)) : MFN_NONE;

    return frame_valid(mfn) ? frame_va(mfn) : 0;
}

/* The same for good, zeroed. */
static void *pages_reserve(uint64_t bytes)
{
    void *pages = pages_take(bytes);

    if (!pages)
        boot_failure("Not enough memory for audit=");
    return memset(pages, 0, bytes);
}

void books_init(enum books_when when)
{
    books_when = when;
    if (when == BOOKS_OFF)
        return;
    scratch = pages_reserve(frame_limit * sizeof(*scratch));
    if (when == BOOKS_EXIT)
        return;
    sums.written = hv_map_written;
    sums.tables = pages_reserve(frame_limit * sizeof(*sums.tables));
    sums.pages = pages_reserve((frame_limit / AUDIT_PAGE_FRAMES + 1) * sizeof(*sums.pages));
}

/* ---- what domains hold ---- */

static void lists_free(void)
{
    if (refs)
        page_free(frame_of_va(refs), lists_order);
    refs = 0;
    refs_room = works_room = 0;
}

/* Room for all that there is to list. False: there is no memory for it. */
static bool lists_reserve(void)
{
    unsigned domains = 0, vcpus = 0, need;
    uint64_t bytes;

    for (const struct domain *d = domain_list; d; d = d->next) {
        domains++;
        vcpus += d->vcpus;
    }
    need = domains * REFS_PER_DOMAIN + vcpus * REFS_PER_VCPU;
    if (refs && need <= refs_room && vcpus + 1 <= works_room)
        return true;
    lists_free();
    bytes = need * sizeof(*refs) + (vcpus + 1) * sizeof(const struct pt_work *);
    refs = pages_take(bytes);
    if (!refs)
        return false;
    lists_order = order_of(bytes);
    refs_room = need;
    works_room = vcpus + 1;
    works = (void *)(refs + need);
    return true;
}

static void hold(mfn_t mfn, enum page_type type, const char *what)
{
    if (!mfn_eq(mfn, MFN_NONE) && refs_count < refs_room)
        refs[refs_count++] = (struct audit_ref){ mfn, type, what };
}

static void list_vcpu(const struct vcpu *v)
{
    works[works_count++] = &v->pt_work;
    if (v->cr3_kernel)
        hold(ma_to_mfn(v->cr3_kernel), PT_L4, "kernel root");
    if (v->cr3_user)
        hold(ma_to_mfn(v->cr3_user), PT_L4, "user root");
    hold(v->info_mfn, PT_WRITABLE, "vcpu_info");
    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
        hold(v->gdt_mfn[i], PT_SEG, "GDT slot");
    for (unsigned i = 0; i < LDT_PAGES; i++)
        if (v->ldt_mapped & 1u << i)
            hold(v->ldt_mfn[i], PT_SEG, "LDT slot");
}

static void list_domain(const struct domain *d)
{
    hold(d->console_mfn, PT_WRITABLE, "console ring");
    hold(d->store_mfn, PT_WRITABLE, "store ring");
    for (unsigned i = 0; i < d->vcpus; i++)
        list_vcpu(d->vcpu[i]);
}

static void list_grants(audit_visit_fn *visit, void *arg)
{
    for (const struct domain *d = domain_list; d; d = d->next)
        gnttab_holds(d, visit, arg);
}

/* ---- what only this room can check ---- */

/* The last-level entry of va in the domain's own slot, 0 if there is none. */
static uint64_t window_entry(const struct domain *d, uint64_t va)
{
    uint64_t pte = d->perdomain.l3_pa | PTE_P;

    for (unsigned level = 3; level && (pte & PTE_P); level--)
        pte = ((const uint64_t *)frame_va(pte_mfn(pte)))[level_index(va, level)];
    return pte;
}

/* Shown are the descriptor pages that are held, and no other page that can be written to. */
static void check_window(struct audit *a, const struct vcpu *v, unsigned page, mfn_t mfn)
{
    uint64_t pte = window_entry(v->domain, v->perdomain_gdt + page * PAGE_SIZE);
    uint64_t good = mfn_eq(mfn, MFN_NONE) ? 0 : pte_make(mfn, WINDOW_FLAGS);

    if (good ? (pte & ~(PTE_A | PTE_D)) != good : pte & PTE_P && pte & PTE_RW)
        audit_differs(a, "exact-counts", "descriptor window", AUDIT_SLOT(v->id, page), "entry", pte,
                      good);
}

static void check_vcpu(struct audit *a, const struct vcpu *v)
{
    const struct percpu *cpu = this_cpu();

    if (v->domain->owner.dying) /* it runs no more, and is being taken apart */
        return;
    if (v == cpu->current && cpu->cr3 != vcpu_cr3(v))
        audit_differs(a, "our-slots", "vCPU", AUDIT_AT(v->id), "loaded root", cpu->cr3,
                      vcpu_cr3(v));
    if (v->in_user ? v->hypercall_limit || !v->cr3_user : !v->hypercall_limit)
        audit_differs(a, "our-slots", "vCPU", AUDIT_AT(v->id), "mode", v->in_user, !v->in_user);
    if (!v->perdomain_gdt)
        return;
    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
        check_window(a, v, i, v->gdt_mfn[i]);
    for (unsigned i = 0; i < LDT_PAGES; i++)
        check_window(a, v, PERDOMAIN_LDT_OFFSET / PAGE_SIZE + i,
                     v->ldt_mapped & 1u << i ? v->ldt_mfn[i] : MFN_NONE);
}

/* ---- the audit ---- */

/* Frames that are not the domain's own: granted ones; for the initial domain, the firmware's. */
static bool may_map(uint16_t table_owner, mfn_t frame, bool writable)
{
    const struct owner *o = owner_find(table_owner);

    if (owner_is_firmware(frame_owner(frame)))
        return o && o->maps_firmware && !(writable && frame_owner(frame) == OWNER_ROM);
    return gnttab_may_map(table_owner, frame, writable);
}

static struct audit_roots roots_list(void)
{
    refs_count = works_count = 0;
    works[works_count++] = &idle_vcpu->pt_work;
    for (const struct domain *d = domain_list; d; d = d->next)
        list_domain(d);
    return (struct audit_roots){
        .refs = refs,
        .refs_count = refs_count,
        .more_refs = list_grants,
        .may_map = domain_list && (domain_list->next || domain_list->initial) ? may_map : 0,
        .works = works,
        .works_count = works_count,
        .hv_slots = (const uint64_t *)frame_va(ma_to_mfn(idle_root_pa)) + PT_HV_SLOT_FIRST,
        .scratch = scratch,
    };
}

static void check_vcpus(struct audit *a)
{
    for (const struct domain *d = domain_list; d; d = d->next)
        for (unsigned i = 0; i < d->vcpus; i++)
            check_vcpu(a, d->vcpu[i]);
}

/* False: there was no memory to count in, and nothing is known. */
static bool audit(struct audit *a)
{
    const uint64_t bytes = frame_limit * sizeof(*scratch);
    static struct audit_roots roots; /* what a points to: nobody else is at it while busy */
    bool mine = !scratch, done;

    if (mine && frame_limit)
        scratch = pages_take(bytes);
    busy = scratch && lists_reserve();
    if (busy) {
        roots = roots_list();
        a->roots = &roots;
        audit_tables(a);
        audit_free(a);
        gnttab_audit(a, domain_list);
        evtchn_audit(a, domain_list);
        check_vcpus(a);
        audit_end(a);
    }
    if (mine && scratch) {
        page_free(frame_of_va(scratch), order_of(bytes));
        scratch = 0;
        lists_free();
    }
    done = busy;
    busy = false;
    return done;
}

static void verdict(const struct audit *a)
{
    char text[40] = "ok";

    if (a->found)
        snprintk(text, sizeof(text), "%u differences", a->found);
    printk(LOG_ALWAYS, "audit: %lu frames, %lu tables, %lu references, %lu checks before: %s\n",
           frame_limit, a->tables, a->references, checks, text);
}

void books_report(void)
{
    struct audit a = { 0 };

    if (busy || told)
        printk(LOG_ALWAYS, "audit: %s\n", busy ? "not finished" : "see above");
    else if (audit(&a))
        verdict(&a);
    else
        printk(LOG_ALWAYS, "audit: no memory to count in\n");
}

void books_close(const char *when)
{
    struct audit a = { 0 };

    if (books_when == BOOKS_OFF || !audit(&a))
        return;
    verdict(&a);
    told = a.found;
    if (told)
        panic("The books are wrong %s", when);
}

static bool sums_agree(void)
{
    struct audit_roots roots;
    bool agree;

    if (!lists_reserve())
        return true;
    roots = roots_list();
    agree = audit_sums_agree(&sums, &roots);
    hv_map_watch();
    return agree;
}

void books_check(struct vcpu *v)
{
    struct audit a = { 0 };
    bool agree = sums_agree();

    check_vcpu(&a, v);
    if (v->pt_work.used)
        audit_differs(&a, "exact-counts", "vCPU", AUDIT_AT(v->id), "pending cleanup",
                      v->pt_work.mfn.n, ~0ul);
    if (++checks % FULL_EVERY && agree && !a.found)
        return;
    audit(&a);
    if (!agree && !a.found)
        audit_differs(&a, "exact-counts", "machine", AUDIT_AT(0), "sum of all books", 0, 1);
    told = a.found;
    if (told)
        panic("The books are wrong before d%uv%u runs on at %016lx", v->domain->id, v->id,
              v->regs.rip);
}
