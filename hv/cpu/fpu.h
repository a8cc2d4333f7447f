/* SPDX-License-Identifier: MIT */
/* Who owns the FPU registers. fpu_forget() and fpu_set_ts() are declared in dom/sched.h. */
#ifndef HV_CPU_FPU_H
#define HV_CPU_FPU_H

#include "dom/vcpu.h"

/* A clean image for a vCPU that has none. */
void fpu_init_image(struct vcpu *v);

/* Context switch: from here on the registers are next's, and CR0.TS is what next's guest sees. */
void fpu_switch(struct vcpu *next);

/* #NM from ring 3: true if the guest is to get it. */
bool fpu_device_not_available(struct vcpu *v);

#endif
