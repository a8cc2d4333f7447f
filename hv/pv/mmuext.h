/* SPDX-License-Identifier: MIT */
/* Base pointers of the current vCPU, for requests other than mmuext_op. */
#ifndef HV_PV_MMUEXT_H
#define HV_PV_MMUEXT_H

#include <stdint.h>

#include "mm/frame.h"

/*
 * MMUEXT_NEW_BASEPTR: the frame becomes the kernel's L4. The same one again: CR3 is loaded again.
 * 0, -ERESTART, or the error of root_get(); the caller drains pt_work.
 */
int base_pointer_set(mfn_t new, uint16_t owner);

#endif
