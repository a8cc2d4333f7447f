/* SPDX-License-Identifier: MIT */
/*
 * RDMSR and WRMSR of the guest kernel: a list of what is known, with where each value comes from.
 * No index that is not listed reaches the CPU, but for one case that the ABI has: before a guest has
 * a #GP handler, a read of an MSR that exists gives 0 (hazard M2).
 */
#include "dom/hypercall_page.h"
#include "lib/errno.h"
#include "lib/extable.h"
#include "lib/printk.h"
#include "lib/x86.h"
#include "mm/refusal.h"
#include "pt/page_type.h"
#include "pv/priv_op.h"

#define TRAP_GP 13u

#define MSR_TSC         0x00000010u
#define MSR_APIC_BASE   0x0000001bu
#define MSR_MISC_ENABLE 0x000001a0u
#define MSR_HYPERCALL   0x40000000u

#define APIC_BASE_VALUE    0xfee00800ul
#define APIC_BASE_BSP      (1ul << 8)
#define PAT_VALUE          0x0000050100070406ul /* WB WT UC- UC WC WP UC UC */
#define EFER_KNOWN         0xd01ul              /* SCE LME LMA NXE */
#define MISC_ENABLE_ABSENT 0x801800ul /* branch trace, event sampling; task priority messages */
#define MSR_SYNTHETIC      0x4000u    /* high half of the indices that are the hypervisor's */

enum vendor { VENDOR_ANY, VENDOR_AMD, VENDOR_INTEL };

enum access {
    READ = 1,
    IGNORE_WRITES = 2, /* else a write is #GP... */
    SAME_WRITES = 4,   /* ...unless it changes nothing */
};

/* MSRs with one value for everybody. What the hypervisor keeps for itself reads as "nothing there". */
static const struct {
    uint32_t first, last;
    uint8_t vendor, access;
    uint64_t value;
} constant_msr[] = {
    { 0x00000000, 0x00000001, VENDOR_ANY, READ, 0 },               /* machine check, the old one */
    { 0x00000017, 0x00000017, VENDOR_INTEL, READ, 0 },             /* platform id */
    { 0x0000008b, 0x0000008b, VENDOR_ANY, READ, 0 },               /* microcode revision */
    { 0x000000ce, 0x000000ce, VENDOR_ANY, READ, 0 },               /* no CPUID faulting */
    { 0x00000140, 0x00000140, VENDOR_ANY, READ | SAME_WRITES, 0 }, /* miscellaneous features */
    { 0x00000179, 0x0000017b, VENDOR_ANY, READ | IGNORE_WRITES, 0 }, /* machine check: no banks */
    { 0x00000199, 0x0000019a, VENDOR_INTEL, IGNORE_WRITES, 0 },      /* frequency, temperature */
    { 0x000001b0, 0x000001b0, VENDOR_INTEL, IGNORE_WRITES, 0 },      /* energy bias */
    { 0x00000277, 0x00000277, VENDOR_ANY, READ, PAT_VALUE },
    { 0x00000280, 0x0000029f, VENDOR_ANY, READ | IGNORE_WRITES, 0 }, /* machine-check thresholds */
    { 0x00000345, 0x00000345, VENDOR_ANY, READ, 0 },                 /* counters: capabilities */
    { 0x00000400, 0x0000047f, VENDOR_ANY, READ | IGNORE_WRITES, 0 }, /* machine-check banks */
    { MSR_HYPERCALL, MSR_HYPERCALL, VENDOR_ANY, READ, 0 },
    { 0xc0010000, 0xc0010007, VENDOR_AMD, READ | IGNORE_WRITES, 0 }, /* counters */
    { 0xc0010015, 0xc0010015, VENDOR_AMD, READ | IGNORE_WRITES, 0 }, /* hardware configuration */
    { 0xc001001f, 0xc001001f, VENDOR_AMD, READ | IGNORE_WRITES, 0 }, /* north bridge */
    { 0xc0010058, 0xc0010058, VENDOR_AMD, READ, 0 },                 /* PCI window */
    { 0xc0010061, 0xc001006b, VENDOR_AMD, READ | IGNORE_WRITES, 0 }, /* frequency */
    { 0xc0010200, 0xc001020b, VENDOR_AMD, READ | IGNORE_WRITES, 0 }, /* counters */
    { 0xc0011029, 0xc0011029, VENDOR_AMD, READ | IGNORE_WRITES, 2 }, /* LFENCE serialises */
};

static bool vendor_is(unsigned vendor)
{
    uint32_t r[4];

    if (vendor == VENDOR_ANY)
        return true;
    cpuid(0, 0, r);
    return r[1] == (vendor == VENDOR_AMD ? 0x68747541u /* Auth */ : 0x756e6547u /* Genu */);
}

static int constant_find(uint32_t msr)
{
    for (unsigned i = 0; i < sizeof(constant_msr) / sizeof(constant_msr[0]); i++)
        if (msr >= constant_msr[i].first && msr <= constant_msr[i].last &&
            vendor_is(constant_msr[i].vendor))
            return (int)i;
    return -1;
}

/* Reads an MSR that may not be there. */
static bool msr_probe(uint32_t msr, uint64_t *value)
{
    uint32_t lo, hi;

    asm goto("1: rdmsr\n\t" EX_TABLE("1b", "%l3") : "=a"(lo), "=d"(hi) : "c"(msr) : : fault);
    *value = lo | (uint64_t)hi << 32;
    return true;
fault:
    return false;
}

bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    int constant = constant_find(msr);
    uint64_t unused;

    if (constant >= 0 && (constant_msr[constant].access & READ)) {
        *value = constant_msr[constant].value;
        return true;
    }
    switch (msr) {
    case MSR_FS_BASE:
        *value = rdmsr(MSR_FS_BASE);
        return true;
    case MSR_GS_BASE: /* the hypervisor runs on the other one */
        *value = rdmsr(MSR_SHADOW_GS_BASE);
        return true;
    case MSR_SHADOW_GS_BASE:
        *value = v->gs_base_user;
        return true;
    case MSR_TSC:
        *value = rdtsc();
        return true;
    case MSR_APIC_BASE:
        *value = APIC_BASE_VALUE | (v->id ? 0 : APIC_BASE_BSP);
        return true;
    case MSR_EFER:
        *value = rdmsr(MSR_EFER) & EFER_KNOWN;
        return true;
    case MSR_MISC_ENABLE:
        if (!msr_probe(msr, value))
            return false;
        *value |= MISC_ENABLE_ABSENT;
        return true;
    default:
        if (v->traps[TRAP_GP].address || msr >> 16 == MSR_SYNTHETIC || !msr_probe(msr, &unused))
            return false;
        guest_printk(v->domain->id, v->id, LOG_WARNING, "faking RDMSR 0x%08x\n", msr);
        *value = 0;
        return true;
    }
}

/* Fills the guest's page with stubs. Bits 11:0 are the index of the page, of which there is one. */
static bool write_hypercall_page(const struct vcpu *v, uint64_t value)
{
    mfn_t mfn = ma_to_mfn(value);

    if (value & (PAGE_SIZE - 1))
        return false;
    if (page_get_typed(mfn, v->domain->id, PT_WRITABLE)) {
        refusal_clear();
        return false;
    }
    hypercall_page_fill(frame_va(mfn));
    page_put_typed(mfn);
    return true;
}

bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    uint64_t present;
    int constant;

    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_SHADOW_GS_BASE:
        if (!va_canonical(value))
            return false;
        if (msr == MSR_SHADOW_GS_BASE) {
            v->gs_base_user = value;
        } else if (msr == MSR_FS_BASE) {
            v->fs_base = value;
            wrmsr(MSR_FS_BASE, value);
        } else {
            v->gs_base_kernel = value;
            wrmsr(MSR_SHADOW_GS_BASE, value);
        }
        return true;
    case MSR_EFER:
        return value == (rdmsr(MSR_EFER) & EFER_KNOWN);
    case MSR_MISC_ENABLE: /* dropped */
        return msr_probe(msr, &present);
    case MSR_HYPERCALL:
        return write_hypercall_page(v, value);
    default:
        constant = constant_find(msr);
        return constant >= 0 && ((constant_msr[constant].access & IGNORE_WRITES) ||
                                 ((constant_msr[constant].access & SAME_WRITES) &&
                                  value == constant_msr[constant].value));
    }
}
