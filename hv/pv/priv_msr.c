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

#define MSR_TSC               0x00000010u
#define MSR_PLATFORM_ID       0x00000017u
#define MSR_APIC_BASE         0x0000001bu
#define MSR_PLATFORM_INFO     0x000000ceu
#define MSR_MISC_FEATURES     0x00000140u
#define MSR_MCG_CAP           0x00000179u
#define MSR_MCG_STATUS        0x0000017au
#define MSR_PERF_CTL          0x00000199u
#define MSR_THERM_CONTROL     0x0000019au
#define MSR_MISC_ENABLE       0x000001a0u
#define MSR_ENERGY_BIAS       0x000001b0u
#define MSR_PAT               0x00000277u
#define MSR_PERF_CAPS         0x00000345u
#define MSR_HYPERCALL         0x40000000u
#define MSR_AMD_HWCR          0xc0010015u
#define MSR_AMD_NB_CFG        0xc001001fu
#define MSR_AMD_MMCFG         0xc0010058u
#define MSR_AMD_PSTATE_LIMIT  0xc0010061u
#define MSR_AMD_PSTATE_CTRL   0xc0010062u
#define MSR_AMD_PSTATE_STATUS 0xc0010063u

#define APIC_BASE_VALUE 0xfee00800ul
#define APIC_BASE_BSP   (1ul << 8)
#define PAT_VALUE       0x0000050100070406ul /* WB WT UC- UC WC WP UC UC */
#define EFER_KNOWN      0xd01ul              /* SCE LME LMA NXE */
#define MSR_SYNTHETIC   0x4000u /* high half of the indices that are the hypervisor's */

enum vendor { VENDOR_ANY, VENDOR_AMD, VENDOR_INTEL };

/* MSRs with one value for everybody; writes of those marked so are swallowed. */
static const struct {
    uint32_t msr;
    uint8_t vendor;
    bool readable, write_ignored;
    uint64_t value;
} constant_msr[] = {
    { MSR_PLATFORM_ID, VENDOR_INTEL, true, false, 0 },
    { MSR_PLATFORM_INFO, VENDOR_ANY, true, false, 0 }, /* no CPUID faulting offered */
    { MSR_MISC_FEATURES, VENDOR_ANY, true, false, 0 },
    { MSR_MCG_CAP, VENDOR_ANY, true, false, 0 }, /* no machine-check banks */
    { MSR_MCG_STATUS, VENDOR_ANY, true, false, 0 },
    { MSR_PERF_CTL, VENDOR_INTEL, false, true, 0 },
    { MSR_THERM_CONTROL, VENDOR_INTEL, false, true, 0 },
    { MSR_ENERGY_BIAS, VENDOR_INTEL, false, true, 0 },
    { MSR_PAT, VENDOR_ANY, true, false, PAT_VALUE },
    { MSR_PERF_CAPS, VENDOR_ANY, true, false, 0 },
    { MSR_HYPERCALL, VENDOR_ANY, true, false, 0 },
    { MSR_AMD_HWCR, VENDOR_AMD, true, false, 0 },
    { MSR_AMD_NB_CFG, VENDOR_AMD, true, true, 0 },
    { MSR_AMD_MMCFG, VENDOR_AMD, true, false, 0 },
    { MSR_AMD_PSTATE_LIMIT, VENDOR_AMD, true, true, 0 },
    { MSR_AMD_PSTATE_CTRL, VENDOR_AMD, true, true, 0 },
    { MSR_AMD_PSTATE_STATUS, VENDOR_AMD, true, true, 0 },
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
        if (constant_msr[i].msr == msr && vendor_is(constant_msr[i].vendor))
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

    if (constant >= 0 && constant_msr[constant].readable) {
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
        return msr_probe(msr, value);
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
    case MSR_MISC_ENABLE:
        return msr_probe(msr, &present) && value == present;
    case MSR_HYPERCALL:
        return write_hypercall_page(v, value);
    default:
        constant = constant_find(msr);
        return constant >= 0 && constant_msr[constant].write_ignored;
    }
}
