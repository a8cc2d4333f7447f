/* SPDX-License-Identifier: MIT */
/*
 * What a dying guest leaves on the log: registers, page-table walk, frame, stack, backtrace.
 * Implemented in cpu/dump.c. Reads guest memory only through mm/guest_copy.h, so that a dump of a
 * broken guest cannot fault.
 */
#ifndef HV_DOM_DUMP_H
#define HV_DOM_DUMP_H

#include <stdint.h>

struct vcpu;

/*
 * Everything about v: "----[ Pinion-… ]----", registers, the walk of cr2 (~0: none), stack words
 * and a call trace. v must be the current vCPU for the last two; they are left out otherwise.
 */
void crash_dump(struct vcpu *v, uint64_t cr2);

/* "Pagetable walk from <va>:" by the vCPU's tables, then the frame that the last entry names. */
void dump_page_walk(const struct vcpu *v, uint64_t va);

#endif
