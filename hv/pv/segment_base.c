/* SPDX-License-Identifier: MIT */
/*
 * Hypercall set_segment_base. While the hypervisor runs, the shadow GS base MSR holds the guest's live
 * GS base, which is the kernel's: hypercalls come from guest-kernel mode only. The user's waits in
 * v->gs_base_user. Every base stored is canonical (hazard X2).
 */
#include "dom/sched.h"
#include "lib/errno.h"
#include "lib/x86.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

/* Loads the selector for the user's GS and keeps the base that it brings apart from the kernel's. */
static void gs_user_selector(struct vcpu *v, uint16_t sel)
{
    uint64_t kernel_base = rdmsr(MSR_SHADOW_GS_BASE);

    if (sel > 3)
        sel |= 3; /* as in ring 3; and a selector that faults leaves NUL, which is the answer */
    (void)cpu_segment_load(CPU_GS, sel);
    v->gs_base_user = rdmsr(MSR_SHADOW_GS_BASE);
    wrmsr(MSR_SHADOW_GS_BASE, kernel_base);
}

long hc_set_segment_base(uint64_t which, uint64_t base, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = vcpu_current();

    (void)a3;
    (void)a4;
    (void)a5;
    if ((uint32_t)which <= SEGBASE_GS_KERNEL && !va_canonical(base))
        return refused("set_segment_base", -EINVAL, "base-not-canonical");
    switch ((uint32_t)which) {
    case SEGBASE_FS:
        v->fs_base = base;
        wrmsr(MSR_FS_BASE, base);
        return 0;
    case SEGBASE_GS_USER:
        v->gs_base_user = base;
        return 0;
    case SEGBASE_GS_KERNEL:
        v->gs_base_kernel = base;
        wrmsr(MSR_SHADOW_GS_BASE, base);
        return 0;
    case SEGBASE_GS_USER_SEL:
        gs_user_selector(v, (uint16_t)base);
        return 0;
    default:
        return refused("set_segment_base", -EINVAL, "no-such-base");
    }
}
