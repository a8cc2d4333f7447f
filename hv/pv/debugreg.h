/* SPDX-License-Identifier: MIT */
/*
 * Debug registers as the ABI virtualises them: no breakpoint in the hypervisor's range, no general
 * detect, I/O breakpoints only in emulated port accesses (hazard X5).
 */
#ifndef HV_PV_DEBUGREG_H
#define HV_PV_DEBUGREG_H

#include <stdint.h>

#include "dom/vcpu.h"

/*
 * Sets DR reg of v, in the CPU too when v is current. 0; -EPERM for an address that is not the
 * guest's or a DR7 with GD or I/O breakpoints without CR4.DE; -EINVAL for upper halves; -ENODEV for
 * registers there are not (4 and 5 with CR4.DE).
 */
long debugreg_set(struct vcpu *v, unsigned reg, uint64_t value);

/* Reads it. 0 or -ENODEV. */
long debugreg_get(const struct vcpu *v, unsigned reg, uint64_t *value);

/* DR7 as the CPU may have it: I/O breakpoints taken out. For cpu_switch(). */
uint64_t debugreg_hardware_dr7(const struct vcpu *v);

/* DR6 bits of I/O breakpoints that an access to bytes at port hits. */
uint64_t debugreg_io_hits(const struct vcpu *v, uint16_t port, unsigned bytes);

#endif
