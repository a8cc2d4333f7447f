/* SPDX-License-Identifier: MIT */
/*
 * Return to the guest's own context (hypercall iret). The frame is the guest's word: it is copied once,
 * and every field that the CPU would take at face value in ring 0 is made safe. Selectors and RIP need
 * no check here: IRETQ refuses bad ones and entry.S turns that into a fault of the guest's.
 * Callers: entry.S (the hypercall), multicall.c.
 */
#include "pv/iret.h"

#include "dom/vcpu.h"
#include "lib/extable.h"
#include "lib/x86.h"
#include "mm/guest_copy.h"

/* The arithmetic flags, TF, DF, NT, RF, AC, ID. Never IOPL, VM, VIF, VIP; IF is always set. */
#define RFLAGS_GUEST 0x254dd5ul

static void context_read(struct iret_context *c, uint64_t sp)
{
    if (!guest_range_ok(sp, sizeof(*c)))
        goto fault;
    guest_word_get(c->rax, sp, fault);
    guest_word_get(c->r11, sp + 8, fault);
    guest_word_get(c->rcx, sp + 16, fault);
    guest_word_get(c->flags, sp + 24, fault);
    guest_word_get(c->rip, sp + 32, fault);
    guest_word_get(c->cs, sp + 40, fault);
    guest_word_get(c->rflags, sp + 48, fault);
    guest_word_get(c->rsp, sp + 56, fault);
    guest_word_get(c->ss, sp + 64, fault);
    return;
fault:
    domain_crash("iret: the frame at %016lx cannot be read", sp);
}

void iret_perform(void)
{
    struct vcpu *v = vcpu_current();
    struct cpu_regs *regs = vcpu_regs(v);
    struct iret_context c;

    context_read(&c, regs->rsp);
    if ((c.cs & 3) == 3) {
        if (!v->cr3_user)
            domain_crash("Guest switching to user mode with no user page tables");
        vcpu_toggle_mode(v);
    }
    if (v->domain->vm_assist & (1ul << VMASST_TYPE_architectural_iopl))
        v->iopl = c.rflags >> 12 & 3;
    regs->rax = c.rax;
    regs->rcx = c.rcx;
    regs->r11 = c.r11;
    regs->rip = c.rip;
    regs->cs = (uint16_t)(c.cs | 3);
    regs->rflags = (c.rflags & RFLAGS_GUEST) | RFLAGS_IF | 2;
    regs->rsp = c.rsp;
    regs->ss = (uint16_t)(c.ss | 3);
    if (c.flags & VGCF_in_syscall) { /* as SYSRET leaves it, by SYSRET only where that is safe */
        regs->rcx = c.rip;
        regs->r11 = regs->rflags;
        regs->cs = regs->cs == FLAT_USER_CS32 ? FLAT_USER_CS32 : FLAT_USER_CS64;
        regs->ss = FLAT_USER_SS64;
        v->via_sysret = regs->cs == FLAT_USER_CS64 && va_canonical(c.rip);
    }
    v->nmi_masked = false;
    if (v->nmi_pending)
        vcpu_exit_work(v);
    ((volatile vcpu_info_t *)v->info)->evtchn_upcall_mask = !(c.rflags & RFLAGS_IF);
}
