/* SPDX-License-Identifier: MIT */
/*
 * TLB flushes, counted. CR4.PGE stays off, so every load of CR3 is a full flush and advances the
 * flush clock. A frame whose last type reference went at clock c may still be in this CPU's TLB
 * exactly while the clock is c (compared modulo FRAME_EPOCH_BITS: a false match only costs a flush).
 * The host build replaces tlb.c at link time with the ghost TLB.
 */
#ifndef HV_MM_TLB_H
#define HV_MM_TLB_H

#include <stdbool.h>
#include <stdint.h>

#include "geometry.h"
#include "lib/percpu.h"

/*
 * tlb_load_root(cr3): loads CR3 with a machine address of an L4: switches the address space and
 * flushes everything.
 */
#include "tlb_arch.h"

/* Flushes every translation of this CPU (of all CPUs that may run the current domain). */
void tlb_flush_all(void);

/* Flushes the translation of one VA. */
void tlb_flush_va(uint64_t va);

/*
 * Makes sure that no CPU holds a translation that was in use when the flush clock read epoch:
 * called with the type already won and before a frame's content is read, or before it changes owner.
 */
void tlb_flush_since(uint32_t epoch);

/* The flush clock as it is stored in a frame: low FRAME_EPOCH_BITS bits. */
static inline uint32_t tlb_epoch(void)
{
    return (uint32_t)this_cpu()->flush_clock & ((1u << FRAME_EPOCH_BITS) - 1);
}

#endif
