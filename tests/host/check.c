/* SPDX-License-Identifier: MIT */
/* What must be so after every operation: all that is held, told to the auditor; see machine.h. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "dom/gnttab.h"
#include "machine.h"

#define HOLDS_MAX 256u

bool machine_checks_off;

static struct audit_ref holds[HOLDS_MAX];
static unsigned holds_count;
static struct audit_count *scratch;
static struct audit_sums sums;
static uint8_t *copy_of_memory, *copy_of_table; /* as they were when page_written() looked last */

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

void checks_begin(unsigned frames)
{
    const size_t table_bytes = frames * sizeof(*frame_table);

    scratch = calloc(frames, sizeof(*scratch));
    copy_of_memory = calloc(frames, PAGE_SIZE);
    copy_of_table = calloc(1, table_bytes);
    sums = (struct audit_sums){
        .written = page_written,
        .tables = calloc(frames, sizeof(*sums.tables)),
        .pages = calloc(frames / AUDIT_PAGE_FRAMES + 1, sizeof(*sums.pages)),
    };
    holds_count = 0;
}

void checks_end(void)
{
    free(scratch);
    free(copy_of_memory);
    free(copy_of_table);
    free(sums.tables);
    free(sums.pages);
}

static void grants_list(audit_visit_fn *visit, void *arg)
{
    for (const struct domain *d = domain_list; d; d = d->next)
        gnttab_holds(d, visit, arg);
}

/* What one vCPU refers to. Result: how many. */
static unsigned vcpu_roots(const struct vcpu *v, struct audit_ref *refs)
{
    unsigned n = 0;

    if (v->cr3_kernel)
        refs[n++] = (struct audit_ref){ ma_to_mfn(v->cr3_kernel), PT_L4, "kernel root" };
    if (v->cr3_user)
        refs[n++] = (struct audit_ref){ ma_to_mfn(v->cr3_user), PT_L4, "user root" };
    for (unsigned i = 0; i < MACHINE_GDT_PAGES; i++)
        if (!mfn_eq(v->gdt_mfn[i], MFN_NONE))
            refs[n++] = (struct audit_ref){ v->gdt_mfn[i], PT_SEG, "GDT slot" };
    for (unsigned i = 0; i < MACHINE_LDT_PAGES; i++)
        if (v->ldt_mapped & 1u << i)
            refs[n++] = (struct audit_ref){ v->ldt_mfn[i], PT_SEG, "LDT slot" };
    if (!mfn_eq(v->info_mfn, MFN_NONE))
        refs[n++] = (struct audit_ref){ v->info_mfn, PT_WRITABLE, "vcpu_info" };
    return n;
}

static bool may_map(uint16_t table_owner, mfn_t frame, bool writable)
{
    if (owner_is_firmware(frame_owner(frame)))
        return table_owner == machine_control.id && !(writable && frame_owner(frame) == OWNER_ROM);
    return domain_list && gnttab_may_map(table_owner, frame, writable);
}

/* What the auditor is told of; good until the next call. */
static const struct audit_roots *roots_list(bool at_rest)
{
    static struct audit_ref
        refs[HOLDS_MAX + (3 + MACHINE_GDT_PAGES + MACHINE_LDT_PAGES) * MACHINE_VCPUS];
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
                                  .hv_slots = machine_hv_slots,
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
    size_t before = log_length();
    bool at_rest = true;
    unsigned found;

    if (machine_checks_off)
        return;
    /* Only the vCPU whose request has just ended must have done its cleanup. */
    if (machine_this_cpu->pt_work->used)
        fail_msg("%s: %s: pending cleanup", machine_noted(), where);
    for (unsigned i = 0; i < MACHINE_VCPUS; i++)
        at_rest &= !machine_vcpu[i].pt_work.used;
    ghost_step();
    found = machine_audit(at_rest);
    if (found)
        fail_msg("%s: %s: %u differences\n%s", machine_noted(), where, found, log_text() + before);
    if (!machine_sums_agree())
        fail_msg("%s: %s: the sums differ", machine_noted(), where);
}

/* ---- what the test holds ---------------------------------------------------- */

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

void holds_end(void)
{
    while (holds_count)
        machine_unhold(holds[holds_count - 1].mfn, holds[holds_count - 1].type);
}
