/* SPDX-License-Identifier: MIT */
/*
 * The context that a vCPU is initialised with: read once, checked as a whole, then its references are
 * taken (descriptor frames, both roots), and only with all of them in hand anything is set.
 *
 * Invariant: a vCPU that is not initialised holds references only between the pieces of a preempted
 * request, in the places where the auditor and the teardown look for them: gdt_mfn and cr3_kernel.
 * No schedule() between the reading and the last change: two requests cannot mix. (A refused one is
 * past its reading when it waits.)
 */
#include "pv/vcpu_context.h"

#include "dom/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/hv_map.h"
#include "mm/page_alloc.h"
#include "mm/refusal.h"
#include "pt/pin.h"
#include "pv/bounce.h"
#include "pv/debugreg.h"
#include "pv/descriptor.h"
#include "pv/priv_op.h"

#define CONTEXT_ORDER  1u
#define CR0_TS         (1ul << 3)
#define SELECTOR_RPL   3u
#define RFLAGS_IOPL_AT 12

_Static_assert(sizeof(vcpu_guest_context_t) <= PAGE_SIZE << CONTEXT_ORDER,
               "read into so many pages");
_Static_assert(sizeof(((vcpu_guest_context_t *)0)->trap_ctxt) == 256 * sizeof(struct trap_info),
               "one for each vector, in order");

static int refuse_context(const char *rule, uint64_t value)
{
    return refuse(-EINVAL, rule, MFN_NONE, value);
}

/* Every address that the hypervisor will use, or load into the CPU, without another look (X2). */
static int addresses_check(const vcpu_guest_context_t *c)
{
    const uint64_t va[] = {
        c->user_regs.rip,        c->user_regs.rsp, c->kernel_sp,          c->fs_base,
        c->gs_base_kernel,       c->gs_base_user,  c->event_callback_eip, c->failsafe_callback_eip,
        c->syscall_callback_eip,
    };

    for (unsigned i = 0; i < sizeof(va) / sizeof(va[0]); i++)
        if (!va_canonical(va[i]))
            return refuse_context("address-not-canonical", va[i]);
    for (unsigned i = 0; i < 256; i++)
        if (!va_canonical(c->trap_ctxt[i].address))
            return refuse_context("handler-not-canonical", c->trap_ctxt[i].address);
    return 0;
}

static int context_check(const vcpu_guest_context_t *c)
{
    int rc = addresses_check(c);

    if (rc)
        return rc;
    if (!guest_va_ok(c->ldt_base) || (c->ldt_base & (PAGE_SIZE - 1)))
        return refuse_context("ldt-address", c->ldt_base);
    if (c->ldt_ents > LDT_MAX_ENTRIES)
        return refuse_context("ldt-entries", c->ldt_ents);
    if (c->gdt_ents > GDT_GUEST_ENTRIES)
        return refuse_context("gdt-entries", c->gdt_ents);
    if (!(c->flags & VGCF_in_kernel) && !c->ctrlreg[1])
        return refuse_context("user-mode-without-root", c->flags);
    return 0;
}

static void root_drop(uint64_t *cr3)
{
    if (*cr3)
        root_put(ma_to_mfn(*cr3));
    *cr3 = 0;
}

/*
 * The root may be held already, by an earlier piece of the same request. Another one goes first, and
 * what is left of it is cleaned up before something new begins.
 */
static int root_take(const struct vcpu *v, uint64_t *cr3, mfn_t mfn)
{
    int rc;

    if (*cr3 && mfn_eq(ma_to_mfn(*cr3), mfn))
        return 0;
    if (*cr3) {
        root_drop(cr3);
        return -ERESTART;
    }
    rc = root_get(mfn, v->domain->id);
    if (!rc)
        *cr3 = mfn_to_ma(mfn);
    return rc;
}

/*
 * One root at a time: there is one place for unfinished cleanup. Others may run meanwhile, and may
 * initialise v: then what it holds is its own.
 */
static void references_drop(struct vcpu *v)
{
    uint64_t *const roots[] = { &v->cr3_user, &v->cr3_kernel };

    pt_work_drain();
    for (unsigned i = 0; i < 2 && !v->initialised; i++) {
        root_drop(roots[i]);
        pt_work_drain();
    }
    if (!v->initialised)
        (void)gdt_set(v, 0, 0); /* the tables of its window are there: it cannot fail */
}

static int references_take(struct vcpu *v, const vcpu_guest_context_t *c)
{
    int rc = (int)gdt_set(v, c->gdt_frames, (uint32_t)c->gdt_ents);

    if (!rc)
        rc = root_take(v, &v->cr3_kernel, ma_to_mfn(c->ctrlreg[3]));
    if (!rc && c->ctrlreg[1])
        rc = root_take(v, &v->cr3_user, ma_to_mfn(c->ctrlreg[1]));
    if (rc)
        return rc;
    hv_map_show_m2p(frame_va(ma_to_mfn(v->cr3_kernel)), 1);
    if (v->cr3_user && (v->domain->vm_assist & (1ul << VMASST_TYPE_m2p_strict)))
        hv_map_show_m2p(frame_va(ma_to_mfn(v->cr3_user)), 0);
    return 0;
}

/* A selector that is not NUL brings its descriptor's base, and the base given apart is nothing. */
static uint64_t segment_base(const struct vcpu *v, uint16_t selector, uint64_t base)
{
    uint64_t desc;

    if (!(selector & ~SELECTOR_RPL))
        return base;
    return segment_descriptor(v, selector, &desc) ? descriptor_base(desc) : 0;
}

static void registers_set(struct vcpu *v, const struct cpu_user_regs *u)
{
    *vcpu_regs(v) = (struct cpu_regs){
        .r15 = u->r15,
        .r14 = u->r14,
        .r13 = u->r13,
        .r12 = u->r12,
        .rbp = u->rbp,
        .rbx = u->rbx,
        .r11 = u->r11,
        .r10 = u->r10,
        .r9 = u->r9,
        .r8 = u->r8,
        .rax = u->rax,
        .rcx = u->rcx,
        .rdx = u->rdx,
        .rsi = u->rsi,
        .rdi = u->rdi,
        .rip = u->rip,
        .cs = u->cs,
        .ss = u->ss,
        .rsp = u->rsp,
        .rflags = u->rflags,
    };
    v->iopl = u->rflags >> RFLAGS_IOPL_AT & 3;
    v->ds = u->ds;
    v->es = u->es;
    v->fs = u->fs;
    v->gs = u->gs;
}

static void entries_set(struct vcpu *v, const vcpu_guest_context_t *c)
{
    memcpy(v->traps, c->trap_ctxt, sizeof(c->trap_ctxt));
    for (unsigned i = 0; i < 256; i++)
        v->traps[i].cs |= SELECTOR_RPL;
    bounce_fault_route(v);
    v->event = (struct vcpu_callback){ c->event_callback_eip, true };
    v->failsafe = (struct vcpu_callback){ c->failsafe_callback_eip,
                                          c->flags & VGCF_failsafe_disables_events };
    v->syscall =
        (struct vcpu_callback){ c->syscall_callback_eip, c->flags & VGCF_syscall_disables_events };
    v->kernel_ss = (uint16_t)(c->kernel_ss | SELECTOR_RPL);
    v->kernel_sp = c->kernel_sp;
}

/* Values that a debug register would refuse leave it as it starts. */
static void control_set(struct vcpu *v, const vcpu_guest_context_t *c)
{
    v->ts = !!(c->ctrlreg[0] & CR0_TS);
    v->cr4 = cr4_guest(c->ctrlreg[4]);
    for (unsigned i = 0; i < 8; i++)
        if (i != 4 && i != 5)
            (void)debugreg_set(v, i, c->debugreg[i]);
    refusal_clear();
    if (c->flags & VGCF_i387_valid) {
        memcpy(v->fpu, &c->fpu_ctxt, sizeof(c->fpu_ctxt));
        v->fpu_initialised = true;
    } else {
        v->fpu_initialised = false;
    }
}

static void context_commit(struct vcpu *v, const vcpu_guest_context_t *c)
{
    registers_set(v, &c->user_regs);
    entries_set(v, c);
    control_set(v, c);
    v->ldt_va = c->ldt_base;
    v->ldt_entries = (uint32_t)c->ldt_ents;
    v->fs_base = segment_base(v, v->fs, c->fs_base);
    v->gs_base_user = segment_base(v, v->gs, c->gs_base_user);
    v->gs_base_kernel = c->gs_base_kernel;
    v->in_user = !(c->flags & VGCF_in_kernel);
    (void)cpu_prepare_first_entry(v); /* its GDT window is there: it cannot fail */
    v->initialised = true;
    if (c->flags & VGCF_online)
        sched_start(v);
}

static long context_take(struct vcpu *v, const vcpu_guest_context_t *c)
{
    long rc = context_check(c);

    if (!rc)
        rc = references_take(v, c);
    if (!rc)
        context_commit(v, c);
    return rc;
}

static long context_read(struct vcpu *v, uint64_t va)
{
    mfn_t buffer = page_alloc(CONTEXT_ORDER);
    vcpu_guest_context_t *c;
    long rc;

    if (!frame_valid(buffer))
        return refuse(-ENOMEM, "out-of-memory", MFN_NONE, 0);
    c = frame_va(buffer);
    if (guest_read(c, va, sizeof(*c)))
        rc = refuse(-EFAULT, "argument-unreadable", MFN_NONE, 0);
    else if (v->initialised)
        rc = refuse(-EEXIST, "vcpu-initialised-already", MFN_NONE, 0);
    else
        rc = context_take(v, c);
    page_free(buffer, CONTEXT_ORDER);
    return rc;
}

/* An end that is an error, be it of a later piece, gives back what earlier ones took. */
long vcpu_context_set(struct vcpu *v, uint64_t va)
{
    long rc = context_read(v, va);

    if (rc != -ERESTART && !v->initialised)
        references_drop(v);
    return rc;
}
