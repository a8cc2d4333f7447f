/* SPDX-License-Identifier: MIT */
/*
 * The L1 entry that a host mapping lives in. Its references on the frame are those of any entry:
 * a general one, and a writable one with PTE_RW. Whoever overwrites it drops them (docs/abi.md).
 */
#ifndef HV_PV_GRANT_PTE_H
#define HV_PV_GRANT_PTE_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/frame.h"

/*
 * addr is a machine address of an entry of the current domain's with GNTMAP_contains_pte in flags,
 * otherwise a virtual address in its loaded kernel tables. All return GNTST_okay or
 * GNTST_general_error, with the reason recorded and nothing changed.
 */

/* Stores the entry of a mapping; takes over the caller's references on frame. Drops the old entry's. */
int grant_pte_create(uint64_t addr, mfn_t frame, uint32_t flags);

/*
 * Takes out the entry of a mapping, if it is still there: frame, present, writable as flags say. The
 * caller drops its references after a flush. In its place comes the entry of new_addr, unless that
 * is 0: it moves, and is lost if there is nothing to replace.
 */
int grant_pte_remove(uint64_t addr, mfn_t frame, uint32_t flags, uint64_t new_addr);

#endif
