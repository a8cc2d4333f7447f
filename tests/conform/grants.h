/*
 * SPDX-License-Identifier: MIT
 *
 * grants.h - the grant table of the suite, and the ways to fill and print an entry of it.
 */
#ifndef CONFORM_GRANTS_H
#define CONFORM_GRANTS_H

#include "stage.h"

#include <xen/grant_table.h>

#define GRANT_ENTRIES 512U /* of the first frame */
#define GRANT_REF     16U  /* the entry that questions are about */
#define GRANT_REF2    17U

/* The table's first frame, mapped; this domain's own number. */
extern volatile grant_entry_v1_t *grant_table;
extern domid_t grant_self;

/* Maps the table the first time. */
void grants_make(void);

/* Fills an entry. */
void grant_set(unsigned int ref, unsigned int flags, unsigned int domid, mfn_t frame);

/* Adds the flags of an entry, as they are now, to the line. */
void grant_tell(unsigned int ref);

long grant_op(unsigned int cmd, void *ops, unsigned int count);

#endif
