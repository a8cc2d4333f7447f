/* SPDX-License-Identifier: MIT */
/*
 * Return to the guest's own context (hypercall iret). The frame is the guest's word: it is copied once,
 * and every field that the CPU would take at face value in ring 0 is made safe. Selectors and RIP need
 * no check here: IRETQ refuses bad ones and entry.S turns that into a fault of the guest's.
 * Callers: cpu/syscall.S (the hypercall, unless the short way of cpu/user.S takes it), multicall.c.
 */
#include "pv/iret.h"

#include "dom/vcpu.h"
#include "lib/extable.h"
#include "lib/x86.h"
#include "mm/guest_copy.h"

/* The arithmetic flags, TF, DF, NT, RF, AC, ID. Never IOPL, VM, VIF, VIP; IF is always set. */
#define RFLAGS_GUEST 0x254dd5ul

static __attribute__((noreturn, noinline)) void iret_failed(const char *why)
{
    domain_crash("iret: %s", why);
}

static __attribute__((noinline)) void iret_to_user(struct vcpu *v)
{
    if (!v->cr3_user)
        iret_failed("Guest switching to user mode with no user page tables");
    vcpu_toggle_mode(v);
}

/* VGCF_in_syscall: as SYSRET leaves it, and by SYSRET, but only where that is safe. */
static __attribute__((noinline)) void iret_by_sysret(struct vcpu *v, struct cpu_regs *regs)
{
    regs->rcx = regs->rip;
    regs->r11 = regs->rflags;
    regs->cs = regs->cs == FLAT_USER_CS32 ? FLAT_USER_CS32 : FLAT_USER_CS64;
    regs->ss = FLAT_USER_SS64;
    if (regs->cs == FLAT_USER_CS32 && va_canonical(regs->rip))
        regs->rip = (uint32_t)regs->rip; /* 32-bit SYSRET */
    v->via_sysret = regs->cs == FLAT_USER_CS64 && va_canonical(regs->rip);
}

/* A frame that faults half way has changed registers, but the domain is at its end then. */
void iret_perform(void)
{
    struct vcpu *v = vcpu_current();
    struct cpu_regs *regs = vcpu_regs(v);
    const struct iret_context *c = (const struct iret_context *)regs->rsp;
    uint64_t flags, cs, ss, rflags;

    if (!guest_range_ok((uint64_t)c, sizeof(*c)))
        goto fault;
    guest_access_begin();
    guest_word_get(regs->rax, &c->rax, fault);
    guest_word_get(regs->r11, &c->r11, fault);
    guest_word_get(regs->rcx, &c->rcx, fault);
    guest_word_get(flags, &c->flags, fault);
    guest_word_get(regs->rip, &c->rip, fault);
    guest_word_get(cs, &c->cs, fault);
    guest_word_get(rflags, &c->rflags, fault);
    guest_word_get(ss, &c->ss, fault);
    guest_word_get(regs->rsp, &c->rsp, fault);
    guest_access_end();

    regs->cs = (uint16_t)(cs | 3);
    regs->ss = (uint16_t)(ss | 3);
    regs->rflags = (rflags & RFLAGS_GUEST) | RFLAGS_IF | 2;
    if (v->domain->vm_assist & (1ul << VMASST_TYPE_architectural_iopl))
        v->iopl = rflags >> 12 & 3;
    v->nmi_masked = false;
    if (v->nmi_pending)
        vcpu_exit_work(v);
    ((volatile vcpu_info_t *)v->info)->evtchn_upcall_mask = !(rflags & RFLAGS_IF);
    if (flags & VGCF_in_syscall)
        iret_by_sysret(v, regs);
    if ((cs & 3) == 3)
        iret_to_user(v);
    return;
fault:
    guest_access_end();
    iret_failed("Fault while reading IRET context from guest stack");
}
