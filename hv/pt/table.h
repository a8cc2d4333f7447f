/* SPDX-License-Identifier: MIT */
/*
 * What promotion and demotion do with the content of one table: walk its entries up or down, take
 * or drop what they stand for, stop when preempted. Internal to pt/: called by page_type.c, with the
 * frame locked and not validated.
 */
#ifndef HV_PT_TABLE_H
#define HV_PT_TABLE_H

#include <stdbool.h>

#include "pt/page_type.h"

/*
 * Checks and references entries from *next up. 0: all done, an L4 has its hypervisor slots, and *spans
 * names the spans of the table that have a present entry (FRAME_SPANS).
 * Otherwise *next is the entry that was not taken: -ERESTART when preempted there (its child may be
 * partial), else the error of pte_get_refs() for it.
 */
int table_promote(mfn_t mfn, unsigned level, unsigned *next, unsigned *spans);

/*
 * Drops what entries [0,*next) stand for, from the top down, after finishing the child of entry
 * *next if that was left partial. False when preempted; *next then says how far. What is not in
 * spans has no present entry.
 */
bool table_demote(mfn_t mfn, unsigned level, unsigned *next, unsigned spans);

/* page_type.c: carries on the demotion of a partial frame. True when it is idle, or not partial. */
bool frame_demote_partial(mfn_t mfn);

/*
 * page_type.c: drops one type and one general reference that a table entry stood for. False: the
 * frame's demotion was preempted; it is partial and owns itself.
 */
bool page_type_put_child(mfn_t mfn);

#endif
