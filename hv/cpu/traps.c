/* SPDX-License-Identifier: MIT */
/*
 * What an exception means: in ring 3 something to emulate or to reflect to the guest; in ring 0 a
 * place in the exception table, an LDT page to bring in, or the end of the hypervisor.
 *
 * Invariant: an exception from ring 3 never panics (a machine check excepted), whatever the guest did.
 * Called by entry.S and syscall.S; leaves the way out in v->regs.
 */
#include "cpu/traps.h"

#include "cpu/dump.h"
#include "cpu/fpu.h"
#include "cpu/timer.h"
#include "dom/sched.h"
#include "lib/extable.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/layout.h"
#include "pv/bounce.h"
#include "pv/emulate.h"

enum trap {
    TRAP_DB = 1,
    TRAP_NMI = 2,
    TRAP_UD = 6,
    TRAP_NM = 7,
    TRAP_DF = 8,
    TRAP_GP = 13,
    TRAP_PF = 14,
    TRAP_MC = 18,
    TRAP_INT80 = 0x80,
};
/* Vectors whose frame has an error code: 8 10 11 12 13 14 17 21 29 30. */
#define TRAPS_WITH_ERROR_CODE 0x60227d00u
#define NO_ERROR_CODE         (-1)

#define ERROR_CODE_IDT 2u /* in a selector error code: it was an INT n */
#define DR6_START      0xffff0ff0ul
#define DR7_NONE       0x400ul
#define FLAT_CS_USER32 0xe023

#define EXCEPTION_STUB_BYTES 16
extern const char exception_stubs[]; /* cpu/entry.S */

/* The vCPU whose frame this is: an exception from ring 3. */
static struct vcpu *vcpu_of(struct cpu_regs *regs)
{
    return (struct vcpu *)((char *)regs - offsetof(struct vcpu, regs));
}

/* The page fault of a descriptor load: the CPU reads tables as supervisor, also for ring 3. */
static bool descriptor_fault(const struct vcpu *v, uint64_t va, uint32_t error_code)
{
    return !(error_code & PFEC_U) && v->perdomain_gdt && va >= v->perdomain_gdt &&
           va < v->perdomain_gdt + PERDOMAIN_VCPU_SIZE;
}

/* An LDT page that cannot be had: the guest sees the fault where its own LDT lies. */
static void ldt_fault_reflect(struct vcpu *v, struct cpu_regs *regs, uint64_t va,
                              uint32_t error_code)
{
    bounce_page_fault(v, regs, v->ldt_va + (va - v->perdomain_gdt - PERDOMAIN_LDT_OFFSET),
                      (error_code & (PFEC_P | PFEC_W)) | (v->in_user ? PFEC_U : 0));
}

/* Not the guest's own access: the CPU's, to a descriptor table. Or a table that we let go wrong. */
static __attribute__((noinline)) void page_fault_rare(struct vcpu *v, struct cpu_regs *regs,
                                                      uint64_t va, uint32_t error_code)
{
    if (error_code & PFEC_RSVD)
        domain_crash("reserved bit in a page-table entry for %016lx", va);
    if (!descriptor_fault(v, va, error_code))
        bounce_page_fault(v, regs, va, error_code & (PFEC_P | PFEC_W | PFEC_I));
    else if (!ldt_fault(v, va))
        ldt_fault_reflect(v, regs, va, error_code);
}

/*
 * The fast path makes one call, the last: the guest's handler follows. What a kernel writes to a page
 * that it may only read has a way of its own (cpu/fault.S, pv/ptwr_fault.c).
 */
void trap_page_fault(struct cpu_regs *regs)
{
    struct vcpu *v = vcpu_of(regs);
    uint64_t va = read_cr2();
    uint32_t error_code = regs->error_code;

    if (__builtin_expect((error_code & (PFEC_U | PFEC_RSVD)) != PFEC_U, 0)) {
        page_fault_rare(v, regs, va, error_code);
        return;
    }
    error_code &= PFEC_P | PFEC_W | PFEC_I;
    if (v->in_user)
        error_code |= PFEC_U;
    bounce_page_fault(v, regs, va, error_code);
}

static void trap_general_protection(struct vcpu *v, struct cpu_regs *regs)
{
    uint32_t error_code = regs->error_code;

    if (!error_code && emulate_priv_op(v, regs))
        return;
    if ((error_code & ERROR_CODE_IDT) && emulate_int_n(v, regs))
        return;
    bounce_exception(v, regs, TRAP_GP, error_code);
}

/* What the CPU reports is added to the guest's DR6, which only the guest clears. */
static void trap_debug(struct vcpu *v, struct cpu_regs *regs)
{
    uint64_t dr6;

    asm volatile("mov %%db6, %0" : "=r"(dr6));
    asm volatile("mov %0, %%db6" : : "r"(DR6_START));
    v->dr[6] |= dr6 & 0xe00f;
    bounce_exception(v, regs, TRAP_DB, NO_ERROR_CODE);
}

void trap_exception(struct cpu_regs *regs)
{
    struct vcpu *v = vcpu_current();
    unsigned vector = regs->vector;

    switch (vector) {
    case TRAP_DB:
        trap_debug(v, regs);
        return;
    case TRAP_NMI:
        printk(LOG_WARNING, "NMI while d%uv%u ran: ignored\n", v->domain->id, v->id);
        return;
    case TRAP_UD:
        if (emulate_forced(v, regs))
            return;
        break;
    case TRAP_NM:
        if (!fpu_device_not_available(v))
            return;
        break;
    case TRAP_GP:
        trap_general_protection(v, regs);
        return;
    case TRAP_DF:
    case TRAP_MC:
        panic("exception %u from a guest, rip %016lx", vector, regs->rip);
    default:
        break;
    }
    bounce_exception(v, regs, vector,
                     TRAPS_WITH_ERROR_CODE & (1u << vector) ? (long)regs->error_code
                                                            : NO_ERROR_CODE);
}

/*
 * INT 0x80 has a gate of its own, so that applications reach the guest's handler without a #GP. Its
 * entry's DPL is not looked at, on Xen neither.
 */
static void trap_int80(struct vcpu *v, struct cpu_regs *regs)
{
    if (v->traps[TRAP_INT80].address) {
        bounce_exception(v, regs, TRAP_INT80, NO_ERROR_CODE);
    } else {
        regs->rip -= 2;
        bounce_exception(v, regs, TRAP_GP, TRAP_INT80 * 8 + ERROR_CODE_IDT);
    }
}

void trap_interrupt(struct cpu_regs *regs)
{
    if (regs->vector == TRAP_INT80 && (regs->cs & 3))
        trap_int80(vcpu_current(), regs);
    else
        irq_dispatch(regs->vector);
}

static uint64_t fixup_find(uint64_t rip)
{
    for (const struct ex_entry *e = __start_ex_table; e < __stop_ex_table; e++)
        if (ex_address(&e->from) == rip)
            return ex_address(&e->to);
    return 0;
}

void trap_hypervisor(struct cpu_regs *regs)
{
    uint64_t va = regs->vector == TRAP_PF ? read_cr2() : 0, fixup;
    struct vcpu *v = vcpu_current();

    if (regs->vector == TRAP_PF && v && v->domain && descriptor_fault(v, va, regs->error_code) &&
        ldt_fault(v, va))
        return;
    fixup = fixup_find(regs->rip);
    if (!fixup) {
        dump_fault(regs);
        panic("exception %u, error code %04x, rip %016lx, rsp %016lx, address %016lx", regs->vector,
              regs->error_code, regs->rip, regs->rsp, va);
    }
    regs->rip = fixup;
}

/*
 * A second #DB before the first instruction of the first one's stub, as ICEBP behind a MOV SS from a
 * watched word may bring about, and in QEMU a step over a watched word: the CPU has written its frame
 * over the guest's, which is lost. No more breakpoints: the dump reads guest memory on this very stack.
 */
static __attribute__((noreturn, noinline)) void debug_frame_lost(struct vcpu *v)
{
    asm volatile("mov %0, %%db7" : : "r"(DR7_NONE));
    wrmsr(MSR_GS_BASE, (uint64_t)v);
    domain_crash("a debug exception came with another still to be taken: its frame is lost");
}

/*
 * A #DB in ring 0 is a guest's: its breakpoint on its own memory that we touched, or a step held back
 * by MOV SS over its way in. It is dropped; ours have none.
 */
void trap_own_stack(struct cpu_regs *regs)
{
    switch (regs->vector) {
    case TRAP_DB:
        asm volatile("mov %0, %%db6" : : "r"(DR6_START));
        if (regs->rip == (uint64_t)exception_stubs + TRAP_DB * EXCEPTION_STUB_BYTES)
            debug_frame_lost(this_cpu()->current);
        regs->rflags &= ~RFLAGS_TF;
        return;
    case TRAP_NMI:
        return;
    default:
        dump_fault(regs);
        panic("exception %u, error code %04x, rip %016lx, rsp %016lx", regs->vector,
              regs->error_code, regs->rip, regs->rsp);
    }
}

/*
 * IRETQ refused what v->regs said. fault is where the CPU and the stub pushed, just below and over
 * v->regs: its general registers are the guest's and go back to their place (they overlap), its own
 * rip to ss are of no use. Then the fault happens in the context that the guest had asked for.
 */
void trap_iretq(struct cpu_regs *fault)
{
    struct vcpu *v = vcpu_current();
    struct cpu_regs *regs = vcpu_regs(v);
    uint64_t va = read_cr2();

    memmove(regs, fault, offsetof(struct cpu_regs, rip));
    if (regs->vector == TRAP_PF) {
        if (ldt_fault(v, va))
            return;
        ldt_fault_reflect(v, regs, va, regs->error_code);
    } else {
        bounce_exception(v, regs, regs->vector, regs->error_code);
    }
}

/* The part of the context that SYSCALL destroys or implies. */
static struct cpu_regs *syscall_regs(struct vcpu *v, uint16_t cs)
{
    struct cpu_regs *regs = vcpu_regs(v);

    regs->rcx = regs->rip;
    regs->r11 = regs->rflags;
    regs->cs = cs;
    regs->ss = FLAT_KERNEL_SS64;
    return regs;
}

void trap_syscall(void)
{
    struct vcpu *v = vcpu_current();
    struct cpu_regs *regs = syscall_regs(v, FLAT_KERNEL_CS64);

    if (v->in_user)
        bounce_syscall(v, regs);
    else
        regs->rax = (uint64_t)-XEN_ENOSYS;
}

void trap_syscall32(void)
{
    struct vcpu *v = vcpu_current();
    struct cpu_regs *regs = syscall_regs(v, FLAT_CS_USER32);

    if (v->syscall32.va) {
        bounce_callback(v, regs, &v->syscall32, RFLAGS_DF);
    } else {
        regs->rip -= 2;
        bounce_exception(v, regs, TRAP_UD, NO_ERROR_CODE);
    }
}

/* SYSENTER says neither where it was nor on which stack; the guest has to know. */
void trap_sysenter(void)
{
    struct vcpu *v = vcpu_current();
    struct cpu_regs *regs = vcpu_regs(v);

    regs->rflags |= RFLAGS_IF;
    regs->cs = 3;
    regs->ss = FLAT_KERNEL_SS64;
    if (v->sysenter.va)
        bounce_callback(v, regs, &v->sysenter, 0);
    else
        bounce_exception(v, regs, TRAP_GP, 0);
}
