/*
 * SPDX-License-Identifier: MIT
 *
 * fault.h - page faults: find the region, check the access, let its policy resolve it.
 */
#ifndef GUEST_MM_FAULT_H
#define GUEST_MM_FAULT_H

#include <abi/abi.h>

/*
 * Called by trap_dispatch with CR2 and the error code (PFEC_*).
 * Result: true when the access may be tried again.
 */
bool fault_handle(uint64_t cr2, uint32_t error);

struct fault_stats {
    uint64_t resolved, refused;
    uint64_t last_cr2; /* of the last fault, resolved or not */
    uint32_t last_error;
};
extern volatile struct fault_stats fault_stats; /* an ordinary access may change it */

#endif
