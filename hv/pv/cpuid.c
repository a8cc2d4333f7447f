/* SPDX-License-Identifier: MIT */
/*
 * CPUID as guests see it: the machine's leaves through masks, and the hypervisor's own from
 * 0x40000000 on. A feature is shown when ring 3 can use it without the hypervisor's help, or the ABI
 * emulates it; unknown bits and leaves are zero. XSAVE is not offered, so nothing that lives in its
 * state is.
 */
#include <xen/arch-x86/cpuid.h>

#include "dom/sched.h"
#include "lib/x86.h"
#include "mm/frame.h"
#include "pv/abi_version.h"
#include "pv/priv_op.h"

#define BIT(n) (1u << (n))

#define LEAF_HV           0x40000000u
#define LEAF_HV_MAX       (LEAF_HV + 5)
#define LEAF_EXTENDED     0x80000000u
#define LEAF_BASIC_MAX    0xdu
#define LEAF_EXTENDED_MAX 0x80000008u

/* SSE3 PCLMUL SSSE3 CX16 SSE4.1 SSE4.2 MOVBE POPCNT AESNI RDRAND */
#define LEAF1_ECX \
    (BIT(0) | BIT(1) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) | BIT(25) | BIT(30))
#define LEAF1_ECX_HYPERVISOR BIT(31)
/* FPU DE TSC MSR PAE MCE CX8 APIC MCA CMOV PAT CLFLUSH MMX FXSR SSE SSE2 */
#define LEAF1_EDX                                                                                \
    (BIT(0) | BIT(2) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(9) | BIT(14) | BIT(15) | \
     BIT(16) | BIT(19) | BIT(23) | BIT(24) | BIT(25) | BIT(26))
#define LEAF1_EBX_NO_APIC_ID 0x0000ff00u /* CLFLUSH line; one logical CPU, APIC id 0 on each vCPU */
/* BMI1 BMI2 ERMS RDSEED ADX CLFLUSHOPT CLWB SHA */
#define LEAF7_EBX            (BIT(3) | BIT(8) | BIT(9) | BIT(18) | BIT(19) | BIT(23) | BIT(24) | BIT(29))
#define LEAF7_EDX            BIT(4) /* FSRM */
/* LAHF ABM SSE4A MISALIGNSSE 3DNOWPREFETCH */
#define EXT1_ECX             (BIT(0) | BIT(5) | BIT(6) | BIT(7) | BIT(8))
/* SYSCALL NX MMXEXT FFXSR LM 3DNOWEXT 3DNOW; and on AMD the bits that repeat leaf 1 */
#define EXT1_EDX             (BIT(11) | BIT(20) | BIT(22) | BIT(25) | BIT(29) | BIT(30) | BIT(31))
#define EXT1_EDX_LEAF1       0x0183f3ffu
#define EXT7_EDX             BIT(8) /* TSC runs at a constant rate */

#define TSC_FLAG_HOST_RELIABLE BIT(1)

static void hypervisor_leaf(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
    switch (leaf - LEAF_HV) {
    case 0:
        r[0] = LEAF_HV_MAX;
        r[1] = XEN_CPUID_SIGNATURE_EBX;
        r[2] = XEN_CPUID_SIGNATURE_ECX;
        r[3] = XEN_CPUID_SIGNATURE_EDX;
        break;
    case 1:
        r[0] = ABI_VERSION;
        break;
    case 2:
        r[0] = 1;       /* hypercall pages */
        r[1] = LEAF_HV; /* MSR that fills one */
        r[2] = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
        break;
    case 3:
        if (sub == 0) {
            r[0] = TSC_FLAG_HOST_RELIABLE;
            r[2] = tsc_scale.khz;
        } else if (sub == 1) {
            r[2] = tsc_scale.mul;
            r[3] = (uint32_t)tsc_scale.shift;
        } else if (sub == 2) {
            r[0] = tsc_scale.khz;
        }
        break;
    case 5:
        if (sub == 0)
            r[1] = (uint32_t)(64 - __builtin_clzl((frame_limit << PAGE_SHIFT) - 1));
        break;
    default:
        break;
    }
}

static void basic_leaf(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
    uint32_t host[4];

    cpuid(leaf, sub, host);
    switch (leaf) {
    case 0:
        for (unsigned i = 0; i < 4; i++)
            r[i] = host[i];
        if (r[0] > LEAF_BASIC_MAX)
            r[0] = LEAF_BASIC_MAX;
        break;
    case 1:
        r[0] = host[0];
        r[1] = host[1] & LEAF1_EBX_NO_APIC_ID;
        r[2] = (host[2] & LEAF1_ECX) | LEAF1_ECX_HYPERVISOR;
        r[3] = host[3] & LEAF1_EDX;
        break;
    case 2: /* caches */
    case 4:
        for (unsigned i = 0; i < 4; i++)
            r[i] = host[i];
        if (leaf == 4)
            r[0] &= 0x3ff; /* no sharing between CPUs */
        break;
    case 7:
        if (sub == 0) {
            r[1] = host[1] & LEAF7_EBX;
            r[3] = host[3] & LEAF7_EDX;
        }
        break;
    default:
        break;
    }
}

static void extended_leaf(uint32_t leaf, uint32_t r[4])
{
    uint32_t host[4], basic[4];

    cpuid(leaf, 0, host);
    switch (leaf) {
    case LEAF_EXTENDED:
        for (unsigned i = 0; i < 4; i++)
            r[i] = host[i];
        if (r[0] > LEAF_EXTENDED_MAX)
            r[0] = LEAF_EXTENDED_MAX;
        break;
    case LEAF_EXTENDED + 1:
        cpuid(1, 0, basic);
        r[0] = host[0];
        r[2] = host[2] & EXT1_ECX;
        r[3] = host[3] & (EXT1_EDX | (basic[3] & LEAF1_EDX & EXT1_EDX_LEAF1));
        break;
    case LEAF_EXTENDED + 2: /* name, caches */
    case LEAF_EXTENDED + 3:
    case LEAF_EXTENDED + 4:
    case LEAF_EXTENDED + 5:
    case LEAF_EXTENDED + 6:
        for (unsigned i = 0; i < 4; i++)
            r[i] = host[i];
        break;
    case LEAF_EXTENDED + 7:
        r[3] = host[3] & EXT7_EDX;
        break;
    case LEAF_EXTENDED + 8:
        r[0] = host[0] & 0xffff; /* widths of addresses */
        break;
    default:
        break;
    }
}

void cpuid_policy(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
    uint32_t host[4];

    for (unsigned i = 0; i < 4; i++)
        r[i] = 0;
    if (leaf >= LEAF_HV && leaf <= LEAF_HV_MAX) {
        hypervisor_leaf(leaf, sub, r);
        return;
    }
    cpuid(leaf & LEAF_EXTENDED, 0, host);
    if (leaf > host[0])
        return;
    if (leaf < LEAF_EXTENDED)
        basic_leaf(leaf, sub, r);
    else
        extended_leaf(leaf, r);
}
