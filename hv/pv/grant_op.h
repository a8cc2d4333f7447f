/* SPDX-License-Identifier: MIT */
/*
 * Hypercall grant_table_op, by file. A batch carries out one request after the other; each has a
 * status of its own in guest memory, GNTST_*; the call as a whole fails only for memory that cannot
 * be read or written.
 */
#ifndef HV_PV_GRANT_OP_H
#define HV_PV_GRANT_OP_H

#include <stdint.h>

#include "dom/gnttab.h"

/* Says why the request with this index in the batch gets its status. Returns status. */
int grant_refused(const char *what, uint32_t index, int status);

/*
 * Requests of a batch at va. They return how many are done, less than count when preempted, or
 * -EFAULT.
 */
long grant_copy(uint64_t va, uint32_t count);
long grant_map(uint64_t va, uint32_t count);
long grant_unmap(uint64_t va, uint32_t count);
long grant_unmap_and_replace(uint64_t va, uint32_t count);

#endif
