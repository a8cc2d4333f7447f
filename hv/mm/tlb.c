/* SPDX-License-Identifier: MIT */
/*
 * TLB flushes of this CPU; tlb.h says what they are counted for. With one CPU "all CPUs that may run
 * the domain" is this one; more of them will need a message to each and its clock.
 */
#include "mm/tlb.h"

#include "geometry.h"
#include "lib/percpu.h"
#include "lib/x86.h"

void tlb_flush_all(void)
{
    tlb_load_root(read_cr3());
}

void tlb_flush_va(uint64_t va)
{
    invlpg(va);
}

void tlb_flush_since(uint32_t epoch)
{
    if ((epoch & ((1u << FRAME_EPOCH_BITS) - 1)) == tlb_epoch())
        tlb_flush_all();
}
