/* SPDX-License-Identifier: MIT */
/*
 * The one page-table walk: by frame number through the direct map, never through guest-controlled
 * translations (hazard P8). Stops at what it finds; entries under a superpage bit are not followed.
 */
#ifndef HV_PT_WALK_H
#define HV_PT_WALK_H

#include "mm/frame.h"

struct walk {
    unsigned level;      /* lowest level reached: 1 = the L1 entry was read */
    uint64_t entry[5];   /* entry[4] .. entry[level] as read, index = level */
    mfn_t table[5];      /* frames of the tables visited, index = level */
    unsigned slot[5];    /* index within the table of each level */
};

/*
 * Walks va from the L4 in frame root. True when the L1 table was reached (w->level == 1 and
 * w->table[1] valid; the L1 entry itself may be non-present), false when a higher entry is not
 * present, names no RAM, or va is non-canonical.
 */
bool walk_tables(struct walk *w, mfn_t root, uint64_t va);

#endif
