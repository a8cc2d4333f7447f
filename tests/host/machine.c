/* SPDX-License-Identifier: MIT */
/* Start, stop and check of the test machine; see machine.h. */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom/gnttab.h"
#include "dom/teardown.h"
#include "lib/printk.h"
#include "mm/hv_map.h"
#include "mm/m2p.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"

#define HV_SLOTS  (PT_HV_SLOT_LAST - PT_HV_SLOT_FIRST + 1)
#define HOLDS_MAX 256u
#define GDT_PAGES 14u
#define LDT_PAGES 16u
#define FRAMES_HV 3u /* not for the allocator: 0 and 2 the hypervisor's, 1 not RAM */
#define HV_ENTRY  (2 * PAGE_SIZE | PTE_P | PTE_RW | PTE_A | PTE_D)

struct percpu *machine_this_cpu;
uint8_t *machine_memory;
struct frame *frame_table;
struct domain machine_guest, machine_control;
struct vcpu machine_vcpu[MACHINE_VCPUS];
struct percpu machine_percpu[MACHINE_CPUS];
uint64_t idle_root_pa = 2 * PAGE_SIZE;
bool trace_on, machine_checks_off, machine_panic_expected;
jmp_buf machine_panic_jump;

static uint64_t hv_slots[HV_SLOTS];
static struct trap_info traps[MACHINE_VCPUS][256];
static struct audit_ref holds[HOLDS_MAX];
static unsigned holds_count;
static struct audit_count *scratch;
static struct audit_sums sums;
static uint8_t *copy_of_memory, *copy_of_table; /* as they were when page_written() looked last */
static uint64_t frames_free_at_start;
static char log_buffer[1u << 16];
static size_t log_used;
static char note[256];

/* ---- the log ---------------------------------------------------------------- */

static void log_add(const char *fmt, va_list args)
{
    if (log_used + 1024 > sizeof(log_buffer))
        log_used = 0;
    log_used += (size_t)vsnprintf(log_buffer + log_used, 512, fmt, args);
}

void printk(enum log_level level, const char *fmt, ...)
{
    va_list args;

    (void)level;
    va_start(args, fmt);
    log_add(fmt, args);
    va_end(args);
}

void guest_printk(unsigned domid, unsigned vcpu, enum log_level level, const char *fmt, ...)
{
    va_list args;

    printk(level, "d%uv%u ", domid, vcpu);
    va_start(args, fmt);
    log_add(fmt, args);
    va_end(args);
}

void machine_note(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(note, sizeof(note), fmt, args);
    va_end(args);
}

const char *machine_noted(void)
{
    return note;
}

void panic(const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (machine_panic_expected)
        longjmp(machine_panic_jump, 1);
    fail_msg("%s: panic: %s", note, text);
    abort();
}

/* Not in every C library. */
size_t strlcpy(char *dst, const char *src, size_t size);
size_t strlcpy(char *dst, const char *src, size_t size)
{
    return (size_t)snprintf(dst, size, "%s", src);
}

const char *log_text(void)
{
    return log_buffer;
}

void log_clear(void)
{
    log_used = 0;
    log_buffer[0] = 0;
}

/* ---- the hypervisor's map --------------------------------------------------- */

void hv_map_fill_slots(uint64_t *l4, uint64_t perdomain_entry)
{
    for (unsigned i = 0; i < HV_SLOTS; i++)
        l4[PT_HV_SLOT_FIRST + i] = i == 0 ? 0 : i == 4 ? perdomain_entry : hv_slots[i];
}

void hv_map_show_m2p(uint64_t *l4, int visible)
{
    l4[PT_HV_SLOT_FIRST] = visible ? hv_slots[0] : 0;
}

/* The dirty bit of a page: it has another content than when it was asked for last. */
static bool page_written(const void *page)
{
    const uint8_t *at = page, *table = (const uint8_t *)frame_table;
    const size_t table_bytes = frame_limit * sizeof(*frame_table);
    size_t bytes = PAGE_SIZE;
    uint8_t *copy;

    if (at >= table && at < table + table_bytes) {
        copy = copy_of_table + (at - table);
        if (bytes > table_bytes - (size_t)(at - table))
            bytes = table_bytes - (size_t)(at - table);
    } else {
        copy = copy_of_memory + (at - machine_memory);
    }
    if (!memcmp(at, copy, bytes))
        return false;
    memcpy(copy, at, bytes);
    return true;
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

static void grants_list(audit_visit_fn *visit, void *arg)
{
    for (const struct domain *d = domain_list; d; d = d->next)
        gnttab_holds(d, visit, arg);
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
    for (unsigned i = 0; i < GDT_PAGES; i++)
        v->gdt_mfn[i] = MFN_NONE;
    d->vcpu[d->vcpus++] = v;
    machine_percpu[n] = (struct percpu){ .cpu_id = n, .current = v, .pt_work = &v->pt_work };
    machine_percpu[n].self = &machine_percpu[n];
    v->cpu = &machine_percpu[n];
}

void machine_begin(unsigned frames)
{
    const size_t table_bytes = frames * sizeof(*frame_table);

    frame_limit = frames;
    frame_table = calloc(frames, sizeof(*frame_table));
    m2p_table = calloc(frames, sizeof(*m2p_table));
    scratch = calloc(frames, sizeof(*scratch));
    machine_memory = aligned_alloc(PAGE_SIZE, frames * PAGE_SIZE);
    memset(machine_memory, 0xa5, frames * PAGE_SIZE);
    memset(machine_memory + idle_root_pa, 0, PAGE_SIZE);
    for (unsigned i = 0; i < HV_SLOTS; i++)
        hv_slots[i] = HV_ENTRY | (i ? 0 : PTE_U) | (uint64_t)i << 52;
    copy_of_memory = calloc(frames, PAGE_SIZE);
    copy_of_table = calloc(1, table_bytes);
    sums = (struct audit_sums){
        .written = page_written,
        .tables = calloc(frames, sizeof(*sums.tables)),
        .pages = calloc(frames / AUDIT_PAGE_FRAMES + 1, sizeof(*sums.pages)),
    };
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
    holds_count = 0;
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
    while (holds_count)
        machine_unhold(holds[holds_count - 1].mfn, holds[holds_count - 1].type);
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
    free(scratch);
    free(copy_of_memory);
    free(copy_of_table);
    free(sums.tables);
    free(sums.pages);
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

/* ---- checks ----------------------------------------------------------------- */

/* What one vCPU refers to. Result: how many. */
static unsigned vcpu_roots(const struct vcpu *v, struct audit_ref *refs)
{
    unsigned n = 0;

    if (v->cr3_kernel)
        refs[n++] = (struct audit_ref){ ma_to_mfn(v->cr3_kernel), PT_L4, "kernel root" };
    if (v->cr3_user)
        refs[n++] = (struct audit_ref){ ma_to_mfn(v->cr3_user), PT_L4, "user root" };
    for (unsigned i = 0; i < GDT_PAGES; i++)
        if (!mfn_eq(v->gdt_mfn[i], MFN_NONE))
            refs[n++] = (struct audit_ref){ v->gdt_mfn[i], PT_SEG, "GDT slot" };
    for (unsigned i = 0; i < LDT_PAGES; i++)
        if (v->ldt_mapped & 1u << i)
            refs[n++] = (struct audit_ref){ v->ldt_mfn[i], PT_SEG, "LDT slot" };
    if (!mfn_eq(v->info_mfn, MFN_NONE))
        refs[n++] = (struct audit_ref){ v->info_mfn, PT_WRITABLE, "vcpu_info" };
    return n;
}

/* What the auditor is told of; good until the next call. */
static bool may_map(uint16_t table_owner, mfn_t frame, bool writable)
{
    if (owner_is_firmware(frame_owner(frame)))
        return table_owner == machine_control.id && !(writable && frame_owner(frame) == OWNER_ROM);
    return domain_list && gnttab_may_map(table_owner, frame, writable);
}

static const struct audit_roots *roots_list(bool at_rest)
{
    static struct audit_ref refs[HOLDS_MAX + (3 + GDT_PAGES + LDT_PAGES) * MACHINE_VCPUS];
    static const struct pt_work *works[MACHINE_VCPUS];
    static struct audit_roots roots;
    unsigned n = 0;

    for (unsigned i = 0; i < MACHINE_VCPUS; i++) {
        works[i] = &machine_vcpu[i].pt_work;
        n += vcpu_roots(&machine_vcpu[i], refs + n);
    }
    memcpy(refs + n, holds, holds_count * sizeof(holds[0]));
    roots = (struct audit_roots){ .refs = refs,
                                  .refs_count = n + holds_count,
                                  .more_refs = domain_list ? grants_list : 0,
                                  .may_map = domain_list || machine_control.owner.maps_firmware
                                                 ? may_map
                                                 : 0,
                                  .works = works,
                                  .works_count = MACHINE_VCPUS,
                                  .at_rest = at_rest,
                                  .hv_slots = hv_slots,
                                  .scratch = scratch };
    return &roots;
}

unsigned machine_audit(bool at_rest)
{
    struct audit a = { .roots = roots_list(at_rest) };

    audit_tables(&a);
    audit_free(&a);
    gnttab_audit(&a, domain_list);
    audit_end(&a);
    return a.found;
}

bool machine_sums_agree(void)
{
    return audit_sums_agree(&sums, roots_list(true));
}

void machine_check(const char *where)
{
    size_t before = log_used;
    bool at_rest = true;
    unsigned found;

    if (machine_checks_off)
        return;
    /* Only the vCPU whose request has just ended must have done its cleanup. */
    if (machine_this_cpu->pt_work->used)
        fail_msg("%s: %s: pending cleanup", note, where);
    for (unsigned i = 0; i < MACHINE_VCPUS; i++)
        at_rest &= !machine_vcpu[i].pt_work.used;
    ghost_step();
    found = machine_audit(at_rest);
    if (found)
        fail_msg("%s: %s: %u differences\n%s", note, where, found, log_buffer + before);
    if (!machine_sums_agree())
        fail_msg("%s: %s: the sums differ", note, where);
}

void machine_hold(mfn_t mfn, enum page_type type)
{
    assert_true(holds_count < HOLDS_MAX);
    holds[holds_count++] = (struct audit_ref){ mfn, type, "test" };
}

void machine_unhold(mfn_t mfn, enum page_type type)
{
    for (unsigned i = holds_count; i-- > 0;) {
        if (!mfn_eq(holds[i].mfn, mfn) || holds[i].type != type)
            continue;
        holds[i] = holds[--holds_count];
        if (type != PT_NONE)
            page_type_put(mfn);
        pt_work_drain();
        frame_put(mfn);
        return;
    }
    fail_msg("frame %lx is not held by the test", mfn.n);
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
