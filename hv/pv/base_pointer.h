/* SPDX-License-Identifier: MIT */
/* The two base pointers of the current vCPU: the kernel's L4 and the user's. */
#ifndef HV_PV_BASE_POINTER_H
#define HV_PV_BASE_POINTER_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/frame.h"

/*
 * MMUEXT_NEW_BASEPTR: the frame becomes the kernel's L4. The same one again: CR3 is loaded again.
 * 0, -ERESTART, or the error of root_get(); the caller drains pt_work.
 */
int base_pointer_set(mfn_t new, uint16_t owner);

/*
 * The two ends of the short way in pv/mmuext.c, for new with its references taken, in place of old.
 * Both clean up and return 0.
 */
long base_pointer_replace(mfn_t new, mfn_t old);
long base_pointer_drop(mfn_t old); /* that the vCPU has left */

/* MMUEXT_NEW_USER_BASEPTR: the same for the user's L4, 0 = none. Takes effect in guest-user mode. */
int user_base_pointer_set(mfn_t new, uint16_t owner);

#endif
