/* SPDX-License-Identifier: MIT */
/* Hypercall fpu_taskswitch: CR0.TS as the guest sees it. The CPU's own bit is cpu/fpu.c's. */
#include "dom/sched.h"
#include "pv/hypercall.h"

long hc_fpu_taskswitch(uint64_t set, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    (void)a2;
    (void)a3;
    (void)a4;
    (void)a5;
    fpu_set_ts(vcpu_current(), (int)set != 0);
    return 0;
}
