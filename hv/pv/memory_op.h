/* SPDX-License-Identifier: MIT */
/* Hypercall memory_op, by file. Each takes the VA of its argument and returns what RAX shall hold. */
#ifndef HV_PV_MEMORY_OP_H
#define HV_PV_MEMORY_OP_H

#include <stdint.h>

#include "dom/domain.h"

/* Low bits of the command are the operation; the others are the extent a continuation starts at. */
#define MEMOP_EXTENT_SHIFT 6
#define MEMOP_CMD_MASK     0x3fu

/* Pages that one call moves at most before the guest can take an interrupt, due or not. */
#define MEMOP_PAGES_PER_CALL 16384u

/* Largest extent order that a domain may name (pages = 2^order). */
unsigned memory_max_order(const struct domain *d);

/* The domain a request names: DOMID_SELF or a number. 0, -ESRCH, or -EPERM for a foreign one. */
long memory_domain(domid_t id, struct domain **d);

/*
 * Frames that were allocated a moment ago, and that the guest does not know of yet: given back, or
 * their words of the M2P set. Another vCPU may have guessed the numbers and given them away before:
 * hence a reference meanwhile.
 */
void extent_release(struct domain *d, mfn_t first, unsigned order);
void extent_name(struct domain *d, mfn_t first, unsigned order, uint64_t pfn);

/* pv/memory_exchange.c: XENMEM_exchange. */
long memory_exchange(uint64_t arg_va);

/* pv/memory_info.c: the operations that only answer. -ENOSYS for an unknown one. */
long memory_info(unsigned cmd, uint64_t arg_va);

#endif
