/*
 * SPDX-License-Identifier: MIT
 *
 * aspace.h - address spaces: create, switch, duplicate, destroy.
 *
 * An address space with a user side has two L4 tables.  Both hook the same L3 tables in slots 0 to
 * 255, so kernel and user see the same pages there; only the kernel's has the kernel's half.  That
 * split is all that keeps user mode out: in a 64-bit PV guest every page is user-accessible.
 */
#ifndef GUEST_MM_ASPACE_H
#define GUEST_MM_ASPACE_H

#include <abi/abi.h>

#include "mm/p2m.h"

struct region;

struct aspace {
    pfn_t l4;      /* kernel L4 */
    pfn_t l4_user; /* valid with has_user */
    bool has_user;
    struct region *regions; /* of the slots below 256; the kernel's own: all others */
    uint64_t id;
};

/* The boot tables; its regions are the kernel's (heap, arena), seen from every address space. */
extern struct aspace kernel_aspace;

/* An empty lower half.  Result: NULL and *error when memory or the hypervisor refuses. */
struct aspace *aspace_create(bool with_user, int *error);

/*
 * The same regions with the same contents: private pages are shared read-only from now on, and
 * copied by whoever writes first (region_cow.c).  Result: as aspace_create.
 */
struct aspace *aspace_duplicate(struct aspace *from, int *error);

/* Makes it the one that runs: kernel and user base pointers in one batch. */
void aspace_switch(struct aspace *as);

/* Drops regions, pages and tables.  It must not be the one that runs. */
void aspace_destroy(struct aspace *as);

extern struct aspace *aspace_active;

static inline mfn_t aspace_root(const struct aspace *as)
{
    return p2m(as->l4);
}

/* True when `va` of this address space is translated by the tables that are loaded now. */
static inline bool aspace_is_active(const struct aspace *as, uint64_t va)
{
    return as == aspace_active || va >= KERNEL_VA;
}

/* Address spaces alive, for leak tests; the kernel's own is not counted. */
extern uint64_t aspace_count;

#endif
