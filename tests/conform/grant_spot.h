/*
 * SPDX-License-Identifier: MIT
 *
 * grant_spot.h - two pages whose mapping in the direct map gives way to a grant's; requests that map
 * there and unmap, told with what they leave.
 */
#ifndef CONFORM_GRANT_SPOT_H
#define CONFORM_GRANT_SPOT_H

#include "grants.h"

extern pfn_t spot, spot2;

/* Allocates them; gives each its own mapping back. */
void spots_make(void);
void spots_restore(void);

/* The L1 entry of a spot: where it is, and what it says now. */
const pte_t *spot_entry(pfn_t pfn, uint64_t *ma);
pte_t spot_now(pfn_t pfn);

/* A request to map GRANT_REF there; run and told, as is one that unmaps. Result: its status. */
struct gnttab_map_grant_ref map_of(pfn_t where, uint32_t flags);
void map_tell(struct gnttab_map_grant_ref *op);
int unmap_tell(struct gnttab_unmap_grant_ref *op);

/* Unmaps all of a mapping that is still there. */
void unmap_rest(const struct gnttab_map_grant_ref *map);

#endif
