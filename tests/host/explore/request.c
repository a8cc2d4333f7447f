/* SPDX-License-Identifier: MIT */
/* The requests of a guest; see request.h. */
#include "request.h"

#include <stdio.h>
#include <string.h>

#include <xen/memory.h>

#include "grants.h"
#include "lib/errno.h"
#include "mm/owner.h"
#include "mm/tlb.h"
#include "pt/page_type.h"
#include "pv/hypercall.h"
#include "pv/mmu_update.h"
#include "small.h"

#define REQUESTS_VA GUEST_VA
#define LIST_VA     (GUEST_VA + 64)
#define DONE_VA     (GUEST_VA + 128)

struct request requests[REQUESTS_MAX];
unsigned requests_count;

/* ---- the list --------------------------------------------------------------- */

static void add(struct request r)
{
    requests[requests_count++] = r;
}

#define ADD(...) add((struct request){ __VA_ARGS__ })

/* Values of an entry; those that are read-only come up at L1 alone. */
static void add_updates(unsigned domain, unsigned frame, unsigned slot, bool foreign)
{
    unsigned last = 2 * config.frames;

    for (unsigned v = 0; v <= last + 1; v++) {
        uint8_t value = v > last ? ENTRY_BAD : (uint8_t)v;

        ADD(.kind = REQ_UPDATE, .domain = (uint8_t)domain, .frame = (uint8_t)frame,
            .slot = (uint8_t)slot, .value = value, .foreign = foreign);
        if (config.touch && v && v <= last && ENTRY_RW(v))
            ADD(.kind = REQ_TOUCH, .frame = (uint8_t)frame, .slot = (uint8_t)slot, .value = value);
        if (!config.by_va || foreign)
            continue;
        ADD(.kind = REQ_UPDATE_AD, .domain = (uint8_t)domain, .frame = (uint8_t)frame,
            .slot = (uint8_t)slot, .value = value);
        ADD(.kind = REQ_COMPARE, .domain = (uint8_t)domain, .frame = (uint8_t)frame,
            .slot = (uint8_t)slot, .value = value);
    }
    if (config.by_va && !foreign)
        ADD(.kind = REQ_COMPARE_OTHER, .domain = (uint8_t)domain, .frame = (uint8_t)frame,
            .slot = (uint8_t)slot);
}

static void add_of_frame(unsigned domain, unsigned g)
{
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        add_updates(domain, g, slot, false);
        if (domain && !config.grants)
            add_updates(domain, g, slot, true);
    }
    if (g < config.fixed)
        return;
    for (unsigned level = 1; level <= config.levels; level++)
        ADD(.kind = REQ_PIN, .domain = (uint8_t)domain, .frame = (uint8_t)g,
            .level = (uint8_t)level);
    ADD(.kind = REQ_UNPIN, .domain = (uint8_t)domain, .frame = (uint8_t)g);
    ADD(.kind = REQ_STORE, .domain = (uint8_t)domain, .frame = (uint8_t)g);
    if (config.segments && !domain) {
        ADD(.kind = REQ_SEGMENT, .frame = (uint8_t)g);
        ADD(.kind = REQ_NO_SEGMENT, .frame = (uint8_t)g);
    }
    if (config.give_back)
        ADD(.kind = REQ_RELEASE, .domain = (uint8_t)domain, .frame = (uint8_t)g);
}

static void add_roots(void)
{
    for (unsigned i = config.fixed; i <= config.frames; i++) {
        uint8_t frame = i < config.frames ? (uint8_t)i : NOBODY;

        if (config.roots)
            ADD(.kind = REQ_ROOT, .frame = frame);
        if (config.user_root)
            ADD(.kind = REQ_USER_ROOT, .frame = frame);
    }
}

void requests_make(void)
{
    requests_count = 0;
    for (unsigned i = 0; i < config.parked; i++)
        ADD(.kind = REQ_GO_ON, .slot = (uint8_t)i);
    add_roots();
    if (config.grants)
        grants_requests();
    for (unsigned d = 0; d < config.domains; d++) {
        for (unsigned g = 0; g < config.frames; g++)
            add_of_frame(d, g);
        if (config.give_back)
            ADD(.kind = REQ_TAKE, .domain = (uint8_t)d);
    }
    if (config.tlb)
        ADD(.kind = REQ_FLUSH);
    if (config.by_va && config.roots)
        for (unsigned va = 0; va < 1u << 4; va++)
            for (unsigned v = 0; v <= 2 * config.frames; v++)
                ADD(.kind = REQ_UPDATE_VA, .slot = (uint8_t)va, .value = (uint8_t)v);
}

/* ---- which are worth making ------------------------------------------------- */

static bool is_table(const struct state_frame *f)
{
    return f->type >= PT_L1 && f->type <= PT_L4 && (f->validated || f->partial);
}

/* The L1 that an address leads to from the loaded root, or NOBODY. */
static unsigned va_table(const struct state *s, unsigned va)
{
    unsigned g = s->kernel_root;

    for (unsigned level = 4; level > 1 && g != NOBODY; level--) {
        unsigned e = s->frame[g].entry[va >> (level - 1) & 1];

        g = e == ENTRY_NONE ? NOBODY : ENTRY_FRAME(e);
    }
    return g;
}

/* Who makes requests: the first vCPU of the domain that does not wait. */
static unsigned requester(const struct request *r, const struct state *s)
{
    if (r->domain)
        return CPU_OTHER;
    return s->parked[0] == NOBODY ? 0 : 1;
}

bool request_applies(const struct request *r, const struct state *s)
{
    const struct state_frame *f = &s->frame[r->frame == NOBODY ? 0 : r->frame];

    if (r->kind == REQ_GO_ON)
        return s->parked[r->slot] != NOBODY;
    if (!r->domain && s->parked[0] != NOBODY && s->parked[1] != NOBODY)
        return false;
    switch (r->kind) {
    case REQ_ROOT:
    case REQ_USER_ROOT:
        return s->parked[0] == NOBODY;
    case REQ_UPDATE:
    case REQ_UPDATE_AD:
    case REQ_COMPARE:
    case REQ_COMPARE_OTHER:
        if (!is_table(f) || f->owner != r->domain + 1u)
            return false;
        if (r->kind >= REQ_COMPARE && f->type != PT_L1)
            return false;
        return f->type == PT_L1 || r->value == ENTRY_NONE || r->value == ENTRY_BAD ||
               ENTRY_RW(r->value);
    case REQ_UPDATE_VA:
        return s->parked[0] == NOBODY && va_table(s, r->slot) != NOBODY;
    case REQ_TOUCH:
        return f->type == PT_L1 && f->validated;
    case REQ_SEGMENT:
        return !f->segment;
    case REQ_NO_SEGMENT:
        return f->segment;
    case REQ_STORE:
        return config.tlb;
    case REQ_MAP:
    case REQ_UNMAP:
    case REQ_REPLACE:
        return grants_applies(r, s);
    default:
        return true;
    }
}

/* ---- making one ------------------------------------------------------------- */

static uint16_t foreign(const struct request *r)
{
    return r->foreign ? small_domain[!r->domain].id : DOMID_SELF;
}

static long done_check(long rc)
{
    uint32_t done;

    memcpy(&done, small_guest() + (DONE_VA - GUEST_VA), sizeof(done));
    if (!small_hooks.restart && done != (rc == 0))
        violation("result %ld, but %u requests done", rc, done);
    return rc;
}

static long ext(const struct request *r, unsigned cmd)
{
    struct mmuext_op op = { .cmd = cmd };

    if (r->frame != NOBODY)
        op.arg1.mfn = frame_mfn(r->frame).n;
    else if (r->kind == REQ_ROOT)
        op.arg1.mfn = HOME;
    memcpy(small_guest(), &op, sizeof(op));
    return done_check(hc_mmuext_op(REQUESTS_VA, 1, DONE_VA, foreign(r), 0));
}

static unsigned level_of(const struct request *r)
{
    return frame_type(frame_mfn(r->frame)) == PT_L1 ? 1 : 2;
}

static long update(const struct request *r, unsigned cmd)
{
    struct mmu_update req = { mfn_to_ma(frame_mfn(r->frame)) + r->slot * sizeof(uint64_t) + cmd,
                              entry_word(r->value, level_of(r)) };

    memcpy(small_guest(), &req, sizeof(req));
    return done_check(hc_mmu_update(REQUESTS_VA, 1, DONE_VA, foreign(r), 0));
}

static long touch(const struct request *r)
{
    uint64_t at = mfn_to_ma(frame_mfn(r->frame)) + r->slot * sizeof(uint64_t);
    struct mmu_update req[2] = { { at, entry_word(r->value, 1) },
                                 { at, ((uint64_t *)frame_va(frame_mfn(r->frame)))[r->slot] } };

    memcpy(small_guest(), &req, sizeof(req));
    return hc_mmu_update(REQUESTS_VA, 2, DONE_VA, DOMID_SELF, 0);
}

static long compare(const struct request *r, bool other)
{
    uint64_t old = ((const uint64_t *)frame_va(frame_mfn(r->frame)))[r->slot];

    return l1_entry_update(frame_mfn(r->frame), r->slot, other ? ~old : old,
                           entry_word(r->value, 1), true);
}

/* Page by page: the number of a frame that is given back, or that of the page that one is taken for. */
static long reservation(unsigned cmd, uint64_t number)
{
    struct xen_memory_reservation arg = { .nr_extents = 1, .domid = DOMID_SELF };

    arg.extent_start.p = (xen_pfn_t *)LIST_VA;
    memcpy(small_guest(), &arg, sizeof(arg));
    memcpy(small_guest() + (LIST_VA - GUEST_VA), &number, sizeof(number));
    return hc_memory_op(cmd, REQUESTS_VA, 0, 0, 0) == 1 ? 0 : -EINVAL;
}

static long take(void)
{
    long rc = reservation(XENMEM_populate_physmap, 1);
    uint64_t mfn;

    memcpy(&mfn, small_guest() + (LIST_VA - GUEST_VA), sizeof(mfn));
    if (!rc)
        ghost_taken(mfn_of(mfn));
    return rc;
}

/* The reference of a descriptor slot, as set_gdt takes and drops it. */
static long segment(const struct request *r, bool in)
{
    mfn_t mfn = frame_mfn(r->frame);
    long rc = 0;

    if (in)
        rc = page_get_typed(mfn, domain_current()->id, PT_SEG);
    else
        page_put_typed(mfn);
    if (!rc)
        small_segment[r->frame] = in;
    pt_work_drain();
    return rc;
}

static long go_on(unsigned cpu)
{
    small_run(cpu);
    pt_work_drain();
    tlb_flush_all(); /* an update's flush comes after its cleanup */
    return 0;
}

long request_run(const struct request *r, const struct state *s)
{
    small_run(requester(r, s));
    return request_run_here(r);
}

long request_run_here(const struct request *r)
{
    switch (r->kind) {
    case REQ_PIN:
        return ext(r, MMUEXT_PIN_L1_TABLE + r->level - 1);
    case REQ_UNPIN:
        return ext(r, MMUEXT_UNPIN_TABLE);
    case REQ_ROOT:
        return ext(r, MMUEXT_NEW_BASEPTR);
    case REQ_USER_ROOT:
        return ext(r, MMUEXT_NEW_USER_BASEPTR);
    case REQ_UPDATE:
    case REQ_STORE:
        return update(r, MMU_NORMAL_PT_UPDATE);
    case REQ_UPDATE_AD:
        return update(r, MMU_PT_UPDATE_PRESERVE_AD);
    case REQ_UPDATE_VA:
        return hc_update_va_mapping((uint64_t)r->slot << PAGE_SHIFT, entry_word(r->value, 1), 0, 0,
                                    0);
    case REQ_TOUCH:
        return touch(r);
    case REQ_COMPARE:
    case REQ_COMPARE_OTHER:
        return compare(r, r->kind == REQ_COMPARE_OTHER);
    case REQ_RELEASE:
        return reservation(XENMEM_decrease_reservation, frame_mfn(r->frame).n);
    case REQ_TAKE:
        return take();
    case REQ_SEGMENT:
    case REQ_NO_SEGMENT:
        return segment(r, r->kind == REQ_SEGMENT);
    case REQ_MAP:
    case REQ_UNMAP:
    case REQ_REPLACE:
        return grants_run(r);
    case REQ_FLUSH:
        return ext(&(struct request){ .frame = NOBODY }, MMUEXT_TLB_FLUSH_LOCAL);
    default:
        return go_on(r->slot);
    }
}
