/* SPDX-License-Identifier: MIT */
/*
 * Every refusal explained: one line, always on, rate-limited, never changing the result:
 * (XEN) d0v0 refused mmu_update[3]: L1 slot 17 old=.. new=.. mfn=.. pfn=.. owner=d0 type=L1/2 refs=3: rule <name>: -EINVAL
 */
#ifndef HV_PV_REFUSE_H
#define HV_PV_REFUSE_H

#include <stddef.h>

#include "mm/refusal.h"

struct refused_entry { /* what the request wanted to change; 0-initialise what does not apply */
    unsigned index;    /* in a batch */
    unsigned level;    /* of the table, 0 = not a table entry */
    unsigned slot;
    uint64_t old, new; /* entries */
};

/*
 * Prints the line for a request that is about to return err (negative errno) and clears the
 * recorded reason. hypercall: name, with the sub-operation where there is one ("mmuext_op PIN_L1"):
 * a constant, which tells a request from the one before.
 * e may be 0. Returns err, so that `return refuse_report(...)` reads as one.
 */
long refuse_report(const char *hypercall, const struct refused_entry *e, long err);

/*
 * The common case outside page tables: record the rule and report in one. mfn as REFUSAL_NO_MFN or
 * a frame.
 */
long refused(const char *hypercall, long err, const char *rule);

/* The same for a request that is told a status of its own, GNTST_*. */
void refuse_status(const char *what, unsigned index, int status);

/*
 * Writes " mfn=… pfn=… owner=dN type=L1/2 refs=3 pinned", or only the number of a frame beyond
 * memory.
 */
void frame_describe(char *buf, size_t size, uint64_t n);

#endif
