/* SPDX-License-Identifier: MIT */
/* VCPUOP_initialise: everything that a vCPU starts with, given by its domain. */
#ifndef HV_PV_VCPU_CONTEXT_H
#define HV_PV_VCPU_CONTEXT_H

#include <stdint.h>

#include "dom/vcpu.h"

/*
 * Gives v, which is not initialised and so has never run, the vcpu_guest_context_t at va, and starts it
 * if that says so. 0; -EFAULT, -EINVAL, -ENOMEM with nothing of v changed; -EEXIST if it was
 * initialised already; -ERESTART: the same request again goes on with the validation of the roots.
 * The caller drains pt_work.
 */
long vcpu_context_set(struct vcpu *v, uint64_t va);

#endif
