/* SPDX-License-Identifier: MIT */
/*
 * Context switch. What the hypervisor does not use stays in the CPU until another vCPU needs the
 * place: FPU, data segments, FS and the guest's GS base, debug registers. The idle vCPU needs none
 * of them, but all are saved on the way to it, so that a vCPU that does not run is whole in memory.
 *
 * Order: own GDT, CR3, the GDT of the next (cpu/desc.c says why); GS base and percpu.current together,
 * before the first thing that may fault.
 */
#include "cpu/switch.h"

#include "cpu/desc.h"
#include "cpu/fpu.h"
#include "dom/sched.h"
#include "lib/extable.h"
#include "lib/x86.h"
#include "mm/hv_map.h"
#include "mm/tlb.h"
#include "pv/debugreg.h"
#include "pv/priv_op.h"

#define DR7_ENABLE 0xfful
#define DR7_NONE   0x400ul
#define DR6_NONE   0xffff0ff0ul

#define READ_SELECTOR(name, seg) asm volatile("mov %%" seg ", %0" : "=r"(name))

static void segments_save(struct vcpu *v)
{
    READ_SELECTOR(v->ds, "ds");
    READ_SELECTOR(v->es, "es");
    READ_SELECTOR(v->fs, "fs");
    READ_SELECTOR(v->gs, "gs");
    v->fs_base = rdmsr(MSR_FS_BASE);
    *(v->in_user ? &v->gs_base_user : &v->gs_base_kernel) = rdmsr(MSR_SHADOW_GS_BASE);
}

#define LOAD_SELECTOR(ok, seg, selector)       \
    asm volatile("1:\tmov %2, %%" seg "\n\t"   \
                 "jmp 3f\n"                    \
                 "2:\txor %0, %0\n\t"          \
                 "mov %0, %%" seg "\n"         \
                 "3:\n\t" EX_TABLE("1b", "2b") \
                 : "=r"(ok)                    \
                 : "0"(1), "r"((uint32_t)(selector)))

bool cpu_segment_load(enum cpu_segment segment, uint16_t selector)
{
    uint32_t ok = 1;

    switch (segment) {
    case CPU_DS:
        LOAD_SELECTOR(ok, "ds", selector);
        break;
    case CPU_ES:
        LOAD_SELECTOR(ok, "es", selector);
        break;
    case CPU_FS:
        LOAD_SELECTOR(ok, "fs", selector);
        break;
    case CPU_GS:
        /* Brings the LDT page in where a fault can still be handled in C. */
        asm volatile("1:\tverr %w0\n2:\n\t" EX_TABLE("1b", "2b") : : "r"(selector) : "cc");
        ok = segment_load_gs(selector);
        break;
    }
    return ok;
}

/* A selector that cannot be loaded any more is NUL, and the failsafe callback tells the guest. */
static void segments_load(struct vcpu *v)
{
    bool ok = true;

    /* FS and GS always: loading a selector, even the same one, is what sets their base aside. */
    if (v->ds | v->es | v->fs | v->gs) {
        ok &= cpu_segment_load(CPU_DS, v->ds);
        ok &= cpu_segment_load(CPU_ES, v->es);
        ok &= cpu_segment_load(CPU_FS, v->fs);
        ok &= cpu_segment_load(CPU_GS, v->gs);
    } else {
        cpu_segment_load(CPU_DS, 0);
        cpu_segment_load(CPU_ES, 0);
        cpu_segment_load(CPU_FS, 0);
        segment_load_gs(0);
    }
    wrmsr(MSR_FS_BASE, v->fs_base);
    wrmsr(MSR_SHADOW_GS_BASE, v->in_user ? v->gs_base_user : v->gs_base_kernel);
    if (!ok) {
        v->failsafe_pending = true;
        vcpu_exit_work(v);
    }
}

static void debug_load(const struct vcpu *v)
{
    uint64_t dr7 = debugreg_hardware_dr7(v);

    asm volatile("mov %0, %%db7" : : "r"(DR7_NONE));
    if (!(dr7 & DR7_ENABLE))
        return;
    asm volatile("mov %0, %%db0\n\tmov %1, %%db1\n\tmov %2, %%db2\n\tmov %3, %%db3"
                 :
                 : "r"(v->dr[0]), "r"(v->dr[1]), "r"(v->dr[2]), "r"(v->dr[3]));
    asm volatile("mov %0, %%db6\n\tmov %1, %%db7" : : "r"(DR6_NONE), "r"(dr7));
}

void cpu_switch(struct vcpu *prev, struct vcpu *next)
{
    struct percpu *cpu = this_cpu();

    if (prev->domain)
        segments_save(prev);
    desc_load_own();
    next->cpu = cpu;
    next->self = next;
    cpu->current = next;
    cpu->pt_work = &next->pt_work;
    wrmsr(MSR_GS_BASE, (uint64_t)next);
    tlb_load_root(next->domain ? vcpu_cr3(next) : idle_root_pa);
    if (next->domain) {
        desc_load_vcpu(next);
        fpu_switch(next);
        segments_load(next);
        debug_load(next);
        cr4_load(next);
    }
    stack_switch_to(&prev->switch_rsp, next->switch_rsp);
}

/* What a guest may have in RFLAGS: the arithmetic flags, TF, DF, NT, RF, AC, ID. */
#define RFLAGS_GUEST 0x254dd5ul

int cpu_prepare_first_entry(struct vcpu *v)
{
    struct cpu_regs *regs = vcpu_regs(v);
    uint64_t *sp = (uint64_t *)v->stack_top;
    int err = v->perdomain_gdt ? 0 : cpu_gdt_map(v);

    if (err)
        return err;
    if (!v->fpu_initialised)
        fpu_init_image(v);
    regs->rflags = (regs->rflags & RFLAGS_GUEST) | RFLAGS_IF | 2;
    regs->cs |= 3;
    regs->ss |= 3;
    vcpu_set_mode(v, v->in_user);
    v->via_sysret = 0;
    vcpu_exit_work(v);
    *--sp = (uint64_t)exit_full;
    for (int i = 0; i < 7; i++) /* rbx rbp r12-r15 r10 for stack_switch_to() */
        *--sp = 0;
    v->switch_rsp = (uint64_t)sp;
    return 0;
}

void cpu_idle_wait(void)
{
    asm volatile("sti; hlt; cli" : : : "memory");
}
