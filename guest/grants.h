/*
 * SPDX-License-Identifier: MIT
 *
 * grants.h - this domain's grant table (version 1), and mappings of what others grant.
 *
 * Entries are handed out from behind the reserved ones.  An entry in use by another domain cannot be
 * taken back: grant_end() says so, and the page must not be used for anything else meanwhile.
 */
#ifndef GUEST_GRANTS_H
#define GUEST_GRANTS_H

#include <abi/abi.h>

#include <xen/grant_table.h>

#define GRANT_NONE 0U /* no entry; 0 is the console's */

/* Makes the table `frames` frames long, at most 32, and maps it.  Result: 0 or a negative error. */
int grants_init(unsigned int frames);

/* Entries there are: what references are below. */
unsigned int grants_count(void);

/* Domain `to` may use the page from now on, for reading or writing too.  GRANT_NONE: no entry left. */
grant_ref_t grant_give(domid_t to, mfn_t frame, bool writable);

/* The entry as it is now: GTF_*. */
unsigned int grant_flags(grant_ref_t ref);

/* Nobody may begin to use it from now on.  False: somebody still does, and the entry stays taken. */
bool grant_end(grant_ref_t ref);

/*
 * Maps what domain `from` grants at va, which has an L1 (pt_tables_ensure()); flags: GNTMAP_readonly,
 * GNTMAP_application_map.  Result: GNTST_*, or the hypercall's negative errno below -1000.
 */
int grant_map(uint64_t va, domid_t from, grant_ref_t ref, uint32_t flags, grant_handle_t *handle);
int grant_unmap(uint64_t va, grant_handle_t handle);

/* This domain's own number, which no request tells. */
domid_t grants_own_domid(void);

#endif
