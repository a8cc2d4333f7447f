/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables and control registers of the CPU.
 *
 * The reserved page of every GDT (page 14) is one page of this file: the ABI's flat selectors for
 * guests, and the hypervisor's own code, data, task state and LDT entries. It is mapped at the same
 * place of each vCPU's GDT window, and the CPU's own GDT, used while no vCPU runs, is a base address
 * that puts it there too. So no selector of ours ever changes its meaning.
 *
 * Invariant: whatever GDT is loaded, its reserved page is mapped by whatever CR3 is loaded (an NMI may
 * come at any time): cpu/switch.c goes over desc_load_own() when both change.
 */
#include "cpu/desc.h"

#include "cpu/smap.h"
#include "dom/sched.h"
#include "dom/vcpu.h"
#include "lib/machine.h"
#include "lib/percpu.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/hv_map.h"
#include "mm/layout.h"
#include "mm/tlb.h"

#define CR0_NE (1ul << 5)
#define CR0_WP (1ul << 16)
#define CR0_AM (1ul << 18)
#define CR0_RUN \
    (1ul << 31 | CR0_AM | CR0_WP | CR0_NE | 1ul << 4 | 1ul << 1 | 1ul) /* PG..ET MP PE */

#define CR4_DE         (1ul << 3)
#define CR4_PAE        (1ul << 5)
#define CR4_MCE        (1ul << 6)
#define CR4_OSFXSR     (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_SMEP       (1ul << 20)
#define CR4_SMAP       (1ul << 21)

#define EFER_SCE (1ul << 0)
#define EFER_NXE (1ul << 11)

#define MSR_PAT          0x277u
#define VENDOR_AMD       0x68747541u /* "Auth": the first four letters */
#define VENDOR_HYGON     0x6f677948u /* "Hygo" */
#define MSR_SYSENTER_CS  0x174u
#define MSR_SYSENTER_ESP 0x175u
#define MSR_SYSENTER_EIP 0x176u

/* Memory types by PAT, PCD, PWT of an entry, as the ABI has them: WB WT UC- UC WC WP UC UC. */
#define PAT_ABI 0x0000050100070406ul

#define GATE_INTERRUPT 0x8e00u
#define PTE_HV_DATA    (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)
#define PTE_HV_RODATA  (PTE_P | PTE_A | PTE_NX)

enum own_stack { STACK_DF = 1, STACK_NMI, STACK_MC, STACK_DB };

struct gate {
    uint16_t offset_low, selector;
    uint16_t attributes; /* bits 0-2: own stack, or 0; 13-14: DPL */
    uint16_t offset_mid;
    uint32_t offset_high, zero;
};
_Static_assert(sizeof(struct gate) == 16, "16 bytes for each gate");

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct task_state {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, iobitmap;
} __attribute__((packed));
_Static_assert(sizeof(struct task_state) == 104, "task state segment");

void entry_syscall(void);
void entry_syscall32(void);
void entry_sysenter(void);
extern const char exception_stubs[], interrupt_stubs[]; /* 16 and 8 bytes for each vector */
extern const char int80_stub[];

static struct percpu percpu0 = { .self = &percpu0, .timer_tsc = ~0ull };
static struct task_state task_state __attribute__((aligned(128)));
static struct gate idt[256] __attribute__((aligned(16)));
/* What SYSENTER gives as RSP until syscall.S has switched: an own-stack exception never uses it. */
static uint64_t sysenter_stack[2] __attribute__((aligned(16)));

static uint64_t gdt_reserved[512] __attribute__((aligned(4096)));
static uint64_t gdt_zero[512] __attribute__((aligned(4096))); /* never written */

static void descriptor_set(unsigned selector, uint64_t descriptor)
{
    gdt_reserved[(selector - GDT_RESERVED_BASE) / 8] = descriptor;
}

/* A 16-byte system descriptor: type 9 = task state, 2 = LDT. */
static void system_descriptor_set(unsigned selector, unsigned type, uint64_t base, uint32_t limit)
{
    uint64_t *d = &gdt_reserved[(selector - GDT_RESERVED_BASE) / 8];

    d[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)(0x80 | type) << 40 |
           (uint64_t)(limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
    d[1] = base >> 32;
}

static void gdt_load(uint64_t base)
{
    struct table_register r = { GDT_LIMIT, base };

    asm volatile("lgdt %0" : : "m"(r));
}

void desc_load_own(void)
{
    gdt_load((uint64_t)gdt_reserved - GDT_RESERVED_BASE);
}

void desc_load_vcpu(struct vcpu *v)
{
    task_state.rsp[0] = (uint64_t)(&v->regs + 1);
    if (v->perdomain_gdt)
        gdt_load(v->perdomain_gdt);
    cpu_ldt_load(v);
}

void cpu_ldt_load(struct vcpu *v)
{
    uint16_t selector = 0;

    if (v->ldt_entries) {
        system_descriptor_set(HV_LDT, 2, v->perdomain_gdt + PERDOMAIN_LDT_OFFSET,
                              v->ldt_entries * 8 - 1);
        selector = HV_LDT;
    }
    asm volatile("lldt %0" : : "r"(selector));
}

/* Machine frame of a page of the image, which lies in one piece in machine memory. */
static uint64_t image_page(const void *va)
{
    return (uint64_t)va - HV_IMAGE_VA + HV_IMAGE_PA;
}

int cpu_gdt_map(struct vcpu *v)
{
    uint64_t va = PERDOMAIN_VA + v->id * PERDOMAIN_VCPU_SIZE;
    int err = perdomain_set(&v->domain->perdomain, va + GDT_RESERVED_BASE,
                            image_page(gdt_reserved) | PTE_HV_DATA);

    for (unsigned i = 0; !err && i < GDT_RESERVED_PAGE; i++) {
        uint64_t pte = image_page(gdt_zero) | PTE_HV_RODATA;

        if (v->gdt_mfn[i].n != MFN_NONE.n)
            pte = pte_make(v->gdt_mfn[i], PTE_HV_DATA);
        err = perdomain_set(&v->domain->perdomain, va + i * PAGE_SIZE, pte);
    }
    if (err)
        return err;
    v->perdomain_gdt = va;
    if (v == vcpu_current()) {
        tlb_flush_all();
        gdt_load(va);
    }
    return 0;
}

/* Vectors that nobody is to raise share the first stub of interrupts: it is nobody's either. */
static uint64_t stub_va(unsigned vector)
{
    if (vector < 32)
        return (uint64_t)(exception_stubs + 16 * vector);
    if (vector == 0x80)
        return (uint64_t)int80_stub;
    if (vector < INTERRUPT_STUBS_FIRST)
        vector = INTERRUPT_STUBS_FIRST;
    return (uint64_t)(interrupt_stubs + 8 * (vector - INTERRUPT_STUBS_FIRST));
}

static void gate_set(unsigned vector, unsigned dpl, unsigned stack)
{
    uint64_t va = stub_va(vector);

    idt[vector] = (struct gate){
        .offset_low = (uint16_t)va,
        .selector = HV_CS,
        .attributes = (uint16_t)(GATE_INTERRUPT | dpl << 13 | stack),
        .offset_mid = (uint16_t)(va >> 16),
        .offset_high = (uint32_t)(va >> 32),
    };
}

/* DPL 3: what an application may raise by INT n without a #GP. All others are decoded. */
static void idt_fill(void)
{
    for (unsigned i = 0; i < 256; i++)
        gate_set(i, i == 3 || i == 4 || i == 0x80 ? 3 : 0, 0);
}

static void segments_reload(void)
{
    asm volatile("pushq %0\n\t"
                 "leaq 1f(%%rip), %%rax\n\t"
                 "pushq %%rax\n\t"
                 "lretq\n"
                 "1:\tmovl %1, %%ss\n\t"
                 "movl %2, %%ds\n\t"
                 "movl %2, %%es\n\t"
                 "movl %2, %%fs\n\t"
                 "movl %2, %%gs"
                 :
                 : "i"(HV_CS), "r"(HV_DS), "r"(0)
                 : "rax", "memory");
}

void cpu_init_early(void)
{
    struct table_register r = { sizeof(idt) - 1, (uint64_t)idt };

    descriptor_set(HV_CS, 0x00af9b000000ffff);
    descriptor_set(HV_DS, 0x00cf93000000ffff);
    descriptor_set(FLAT_RING3_CS32, 0x00cffb000000ffff);
    descriptor_set(FLAT_RING3_DS32, 0x00cff3000000ffff);
    descriptor_set(FLAT_RING3_CS64, 0x00affb000000ffff);
    desc_load_own();
    segments_reload();
    wrmsr(MSR_GS_BASE, (uint64_t)&percpu0);
    idt_fill();
    asm volatile("lidt %0" : : "m"(r));
    write_cr0(CR0_RUN);
}

/* A stack whose top word points to the CPU's data: entry.S reads it above the frame. */
static void own_stack_set(unsigned vector, enum own_stack n)
{
    uint64_t top = hv_stack_alloc();

    if (!top)
        panic("no memory for the stack of exception %u", vector);
    top -= 16;
    *(struct percpu **)top = &percpu0;
    task_state.ist[n - 1] = top;
    gate_set(vector, 0, n);
}

static bool cpu_has_smep(void)
{
    uint32_t r[4];

    cpuid(0, 0, r);
    if (r[0] < 7)
        return false;
    cpuid(7, 0, r);
    return r[1] & (1u << 7);
}

static void msrs_init(void)
{
    uint32_t r[4];

    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
    wrmsr(MSR_STAR, (uint64_t)FLAT_RING3_CS32 << 48 | (uint64_t)HV_CS << 32);
    wrmsr(MSR_LSTAR, (uint64_t)entry_syscall);
    wrmsr(MSR_CSTAR, (uint64_t)entry_syscall32);
    wrmsr(MSR_SFMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF |
                          RFLAGS_VM | RFLAGS_AC);
    wrmsr(MSR_PAT, PAT_ABI);
    /* AMD's CPUs have no SYSENTER here, whatever an emulator of theirs does: a null selector is #GP. */
    cpuid(0, 0, r);
    wrmsr(MSR_SYSENTER_CS, r[1] == VENDOR_AMD || r[1] == VENDOR_HYGON ? 0 : HV_CS);
    wrmsr(MSR_SYSENTER_ESP, (uint64_t)&sysenter_stack[2]);
    wrmsr(MSR_SYSENTER_EIP, (uint64_t)entry_sysenter);
    wrmsr(MSR_FS_BASE, 0);
    wrmsr(MSR_SHADOW_GS_BASE, 0);
}

void cpu_init(void)
{
    task_state.iobitmap = sizeof(task_state); /* none: every port access of ring 3 is a #GP */
    own_stack_set(8, STACK_DF);
    own_stack_set(2, STACK_NMI);
    own_stack_set(18, STACK_MC);
    own_stack_set(1, STACK_DB);
    system_descriptor_set(HV_TSS, 9, (uint64_t)&task_state, sizeof(task_state) - 1);
    asm volatile("ltr %0" : : "r"((uint16_t)HV_TSS));

    write_cr4(CR4_PAE | CR4_MCE | CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT |
              (opt_smep && cpu_has_smep() ? CR4_SMEP : 0) | (smap_used() ? CR4_SMAP : 0));
    asm volatile("fninit");
    msrs_init();
}
