/*
 * SPDX-License-Identifier: MIT
 *
 * reclaim.h - a region with a resident limit pays for each new page with an old one.
 */
#ifndef GUEST_MM_RECLAIM_H
#define GUEST_MM_RECLAIM_H

#include "mm/region.h"

/* At most `pages` pages of the region are in memory from the next fault on; 0: no limit. */
void reclaim_limit(struct region *region, uint64_t pages);

/*
 * Called by a policy before it maps one page more: evicts when the limit is reached, or when no page
 * is free at all.  Result: 0; -XEN_ENOSPC when the store is full or no page can go.
 */
int reclaim_make_room(struct region *region);

struct reclaim_stats {
    uint64_t evicted; /* pages written to the store */
    uint64_t spared;  /* second chances: accessed since the hand last came by */
};
extern volatile struct reclaim_stats reclaim_stats;

#endif
