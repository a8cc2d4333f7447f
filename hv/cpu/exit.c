/* SPDX-License-Identifier: MIT */
/*
 * What is done before a guest runs on, when the byte test of entry.S says that there is something.
 * In the ABI's order: (an exception was already bounced), failsafe, NMI, event. Called by entry.S
 * and syscall.S on the vCPU's own empty stack; interrupts stay off from here to the guest, so one
 * look is enough.
 */
#include "cpu/exit.h"

#include "dom/books.h"
#include "dom/evtchn.h"
#include "dom/sched.h"
#include "dom/vcpu.h"
#include "pt/page_type.h"
#include "pv/bounce.h"

#define TRAP_NMI 2u

const uint8_t vcpu_exit_always[2] = { 1, 0 };

void exit_work(void)
{
    struct vcpu *v = vcpu_current();

    if (v->pt_work.used)
        pt_work_drain();
    while (this_cpu()->preempt_pending || v->state != VCPU_RUNNABLE)
        schedule();
    v->exit_test = &v->info->evtchn_upcall_pending;
    if (v->failsafe_pending) {
        v->failsafe_pending = false;
        bounce_failsafe(v, vcpu_regs(v));
    }
    if (v->nmi_pending && !v->nmi_masked && v->traps[TRAP_NMI].address)
        bounce_nmi(v, vcpu_regs(v));
    if (evtchn_deliverable(v))
        bounce_event(v, vcpu_regs(v));
    if (__builtin_expect(books_when == BOOKS_EACH, 0)) {
        books_check(v);
        vcpu_exit_work(v); /* the next way out leads here too */
    }
}

void hypercall_exit(uint64_t result, uint64_t r10, bool kept)
{
    struct vcpu *v = vcpu_current();
    struct cpu_regs *regs = vcpu_regs(v);

    if (!v->restarting) {
        regs->r10 = r10;
        if (!kept)
            regs->rdi = regs->rsi = regs->rdx = 0;
    }
    if (!v->mode_changed) {
        if (!v->restarting)
            regs->rax = result;
        regs->rcx = regs->rip;
        regs->r11 = regs->rflags;
        regs->cs = FLAT_KERNEL_CS64;
        regs->ss = FLAT_KERNEL_SS64;
    }
    v->restarting = v->mode_changed = false;
    exit_work();
}
