/* SPDX-License-Identifier: MIT */
/*
 * Frames on the guest kernel's stack. One function draws them all; the callers differ in handler,
 * masking and error code.
 *
 *   new RSP ->  RCX | R11 | [DS ES FS GS: failsafe only] | [error code] | RIP | CS, mask | RFLAGS | RSP | SS
 *   ends at the old RSP (from guest-kernel mode) or kernel_sp (from guest-user mode), 16-byte aligned.
 *
 * The guest may have put its stack anywhere, also over the hypervisor, over its own page tables, or
 * nowhere: the range is checked whole, each word is a faultable store under CR0.WP, and failure is the
 * domain's end (hazard X3). Handlers were checked to be canonical when they were registered, and are
 * again before SYSRET is chosen. No lock, no allocation, no search.
 */
#include "pv/bounce.h"

#include "lib/extable.h"
#include "lib/printk.h"
#include "lib/x86.h"
#include "mm/guest_copy.h"

#define NO_ERROR_CODE (-1)
#define TRAP_NMI      2u
#define TRAP_UD       6u
#define TRAP_PF       14u

#define FRAME_MAX (12 * 8ul) /* bytes of the largest frame */

/* IOPL as well: ring 3 cannot have set it, but what goes out is not left to what came in. */
#define RFLAGS_CLEARED (RFLAGS_TF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | RFLAGS_AC)

struct handler {
    uint64_t va;
    bool mask_events;
    long error_code;       /* NO_ERROR_CODE: the frame has none */
    uint64_t clear_rflags; /* beside RFLAGS_CLEARED */
    bool segments;         /* DS ES FS GS follow R11 */
};

/* The dump walks the address where the frame should have gone. */
static __attribute__((noreturn, noinline)) void bounce_failed(struct vcpu *v, uint64_t sp)
{
    v->cr2 = sp;
    domain_crash("domain_crash_sync called from entry.S: fault at %016lx while a frame was pushed",
                 sp);
}

/*
 * The whole frame lies outside the hypervisor's slots: at most FRAME_MAX bytes from sp on. A frame
 * that ends in non-canonical addresses, or nowhere, faults by itself.
 */
static inline bool frame_range_ok(uint64_t sp)
{
    return sp - (HV_VA_START - FRAME_MAX) >= HV_VA_END - HV_VA_START + FRAME_MAX;
}

/*
 * Draws the frame below sp and enters the handler; the vCPU is in guest-kernel mode by now. cs_mask:
 * what the frame shows of CS.
 */
static inline void frame_push(struct vcpu *v, struct cpu_regs *regs, const struct handler *h,
                              uint64_t sp, uint64_t cs_mask)
{
    const unsigned words = 7 + (h->error_code >= 0) + (h->segments ? 4 : 0);
    uint64_t flags = regs->rflags, shown = flags & ~(RFLAGS_IF | RFLAGS_IOPL);
    volatile uint8_t *mask = &v->info->evtchn_upcall_mask;
    uint64_t masked = *mask, *at;

    if (!masked)
        shown |= RFLAGS_IF;
    if (__builtin_expect(v->domain->vm_assist & (1ul << VMASST_TYPE_architectural_iopl), 0))
        shown |= (uint64_t)(v->iopl & 3) << 12;
    sp = (sp & ~15ul) - words * 8;
    if (!frame_range_ok(sp))
        goto fault;
    at = (uint64_t *)sp;
    guest_access_begin();
    guest_word_put(at, regs->rcx, fault);
    guest_word_put(at + 1, regs->r11, fault);
    if (h->segments) {
        guest_word_put(at + 2, (uint64_t)v->ds, fault);
        guest_word_put(at + 3, (uint64_t)v->es, fault);
        guest_word_put(at + 4, (uint64_t)v->fs, fault);
        guest_word_put(at + 5, (uint64_t)v->gs, fault);
        at += 4;
    }
    if (h->error_code >= 0) {
        guest_word_put(at + 2, h->error_code, fault);
        at++;
    }
    guest_word_put(at + 2, regs->rip, fault);
    guest_word_put(at + 3, (regs->cs & cs_mask) | masked << 32, fault);
    guest_word_put(at + 4, shown, fault);
    guest_word_put(at + 5, regs->rsp, fault);
    guest_word_put(at + 6, (uint64_t)regs->ss, fault);
    guest_access_end();

    if (h->mask_events)
        *mask = 1;
    flags = (flags & ~(RFLAGS_CLEARED | h->clear_rflags)) | RFLAGS_IF;
    regs->rip = regs->rcx = h->va;
    regs->rflags = regs->r11 = flags;
    regs->rsp = sp;
    regs->cs = FLAT_KERNEL_CS64;
    regs->ss = FLAT_KERNEL_SS64;
    v->via_sysret = va_canonical(h->va);
    return;
fault:
    guest_access_end();
    bounce_failed(v, sp);
}

/* Any frame, from either mode. */
static __attribute__((noinline)) void bounce(struct vcpu *v, struct cpu_regs *regs,
                                             const struct handler *h)
{
    uint64_t sp = regs->rsp, cs_mask = ~3ul;

    if (v->in_user) {
        sp = v->kernel_sp;
        cs_mask = ~0ul;
        vcpu_toggle_mode(v);
    }
    frame_push(v, regs, h, sp, cs_mask);
}

static __attribute__((noreturn, noinline)) void bounce_unhandled(struct vcpu *v, unsigned vector,
                                                                 long error_code)
{
    static const char *const name[] = {
        "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "#09",
        "#TS", "#NP", "#SS", "#GP", "#PF", "#15", "#MF", "#AC", "#MC", "#XM",
    };

    guest_printk(v->domain->id, v->id, LOG_ERROR, "Unhandled: vec %u, %s[%04lx]\n", vector,
                 vector < sizeof(name) / sizeof(name[0]) ? name[vector] : "INT",
                 error_code < 0 ? 0 : error_code);
    domain_crash("no handler for exception %u in the guest's trap table", vector);
}

void bounce_exception(struct vcpu *v, struct cpu_regs *regs, unsigned vector, long error_code)
{
    const struct trap_info *t = &v->traps[vector];

    if (!t->address)
        bounce_unhandled(v, vector, error_code);
    bounce(v, regs,
           &(struct handler){ .va = t->address,
                              .mask_events = t->flags & TRAP_MASK_EVENTS,
                              .error_code = error_code < 0 ? NO_ERROR_CODE
                                                           : (long)(uint32_t)error_code });
}

void bounce_fault_route(struct vcpu *v)
{
    const struct trap_info *t = &v->traps[TRAP_PF];
    bool shows_iopl = v->domain->vm_assist & (1ul << VMASST_TYPE_architectural_iopl);

    v->fault_handler = trace_on || shows_iopl || !va_canonical(t->address) ? 0 : t->address;
    v->fault_mask = t->flags & TRAP_MASK_EVENTS ? 1 : 0;
}

void bounce_page_fault(struct vcpu *v, struct cpu_regs *regs, uint64_t cr2, uint32_t error_code)
{
    v->cr2 = cr2;
    v->info->arch.cr2 = cr2;
    trace("fault: va %016lx error %x rip %016lx -> handler %016lx\n", cr2, error_code, regs->rip,
          v->traps[TRAP_PF].address);
    bounce_exception(v, regs, TRAP_PF, error_code);
}

void bounce_event(struct vcpu *v, struct cpu_regs *regs)
{
    if (!v->event.va)
        domain_crash("an event is deliverable and no event callback is registered");
    bounce(v, regs, &(struct handler){ v->event.va, true, NO_ERROR_CODE, 0, false });
}

void bounce_nmi(struct vcpu *v, struct cpu_regs *regs)
{
    v->nmi_pending = false;
    v->nmi_masked = true;
    bounce_exception(v, regs, TRAP_NMI, NO_ERROR_CODE);
}

void bounce_callback(struct vcpu *v, struct cpu_regs *regs, const struct vcpu_callback *callback,
                     uint64_t clear_rflags)
{
    bounce(v, regs,
           &(struct handler){ callback->va, callback->mask_events, NO_ERROR_CODE, clear_rflags,
                              false });
}

/* RIP is after SYSCALL; without a callback the guest sees the instruction refused. */
void bounce_syscall(struct vcpu *v, struct cpu_regs *regs)
{
    if (v->syscall.va) {
        bounce_callback(v, regs, &v->syscall, RFLAGS_DF);
    } else {
        regs->rip -= 2;
        bounce_exception(v, regs, TRAP_UD, NO_ERROR_CODE);
    }
}

/* ABI quirk: none registered is a callback at 0. */
void bounce_failsafe(struct vcpu *v, struct cpu_regs *regs)
{
    bounce(v, regs,
           &(struct handler){ v->failsafe.va, v->failsafe.mask_events, NO_ERROR_CODE, 0, true });
}
