/* SPDX-License-Identifier: MIT */
/*
 * The reason of a refusal, left behind by whatever layer knows it. Lower layers return an errno
 * and call refuse(); the request that the guest made (pv/refuse.c) prints one explained line.
 * The innermost reason wins: refuse() does not overwrite one that is already recorded.
 */
#ifndef HV_MM_REFUSAL_H
#define HV_MM_REFUSAL_H

#include "abi/abi.h"
#include "lib/percpu.h"

#define REFUSAL_NO_MFN  (~0ull)
#define REFUSAL_NO_SLOT (~0u)

/*
 * Records why a step failed and returns err unchanged, so that `return refuse(...)` reads as one.
 * err: negative errno of the ABI. rule: constant string, the name of the rule. mfn: frame that it
 * concerns. entry: the entry or descriptor looked at, 0 if none.
 */
static inline int refuse(int err, const char *rule, mfn_t mfn, uint64_t entry)
{
    struct refusal *r = &this_cpu()->refusal;

    if (!r->rule)
        *r = (struct refusal){ rule, mfn.n, entry, REFUSAL_NO_SLOT, 0 };
    return err;
}

/* Adds the place of the entry to the recorded reason, unless an inner level has set it. */
static inline void refusal_at(unsigned level, unsigned slot)
{
    struct refusal *r = &this_cpu()->refusal;

    if (r->slot == REFUSAL_NO_SLOT) {
        r->level = level;
        r->slot = slot;
    }
}

/* Forgets the recorded reason: called when a request starts, and after it was reported. */
static inline void refusal_clear(void)
{
    this_cpu()->refusal.rule = 0;
}

#endif
