/*
 * SPDX-License-Identifier: MIT
 *
 * region.h - ranges of an address space, each with the policy that answers its faults.
 *
 * The policies, one file each:
 *      region_anon.c   zero-filled pages; evicted to swap when the region has a resident limit
 *      region_file.c   pages of a ramdisk file, one copy in memory for everybody (page_cache.c)
 *      region_cow.c    private and writable over one of these: shared until written
 *      region_guard.c  every access is refused
 */
#ifndef GUEST_MM_REGION_H
#define GUEST_MM_REGION_H

#include <abi/abi.h>

#include "mm/walk.h"

struct aspace;
struct ramdisk_file;
struct region;

/* Rights of a region. */
#define REGION_R    1U
#define REGION_W    2U
#define REGION_X    4U
#define REGION_USER 8U /* for user mode as well */

/* A fault inside a region, access already checked against its rights. */
struct fault {
    uint64_t va;    /* page-aligned */
    uint32_t error; /* PFEC_* */
};

struct region_policy {
    const char *name;
    /* Resolves the fault.  Result: 0, or an error: the access is refused. */
    int (*fault)(struct region *region, const struct fault *fault);
    /*
     * The page for a hole, with one reference for the mapping; *shared says that others may see it,
     * so it must not be mapped writable.  NULL in policies that cannot lie under region_cow.
     */
    int (*page)(struct region *region, uint64_t va, pfn_t *pfn, bool *shared);
};

extern const struct region_policy region_anon, region_file, region_cow, region_guard;

struct region {
    struct region *next;
    struct aspace *as;
    uint64_t start, end; /* VAs, page-aligned; end exclusive */
    unsigned int rights;
    const struct region_policy *policy;
    const struct region_policy *below; /* region_cow: who fills holes */
    const struct ramdisk_file *file;   /* region_file: what `start` maps... */
    uint64_t file_page;                /* ...from which page on... */
    uint64_t file_bytes;               /* ...for how many bytes; zero behind them */
    volatile uint64_t resident;        /* pages present; any access may add one */
    uint64_t resident_limit;           /* 0: none; see reclaim.h */
    uint64_t clock;                    /* the reclaimer's hand: VA */
};

/*
 * Adds a region; nothing is mapped before the first access.
 * Result: NULL when it is not page-aligned, empty, overlaps another, or memory is short.
 */
struct region *region_add(struct aspace *as, uint64_t start, uint64_t end, unsigned int rights,
                          const struct region_policy *policy);

/* The same over pages of a ramdisk file; with REGION_W private copies of them (region_cow). */
struct region *region_add_file(struct aspace *as, uint64_t start, uint64_t end, unsigned int rights,
                               const struct ramdisk_file *file, uint64_t file_page,
                               uint64_t file_bytes);

/* Unmaps all pages, releases tables that became empty, removes the region. */
void region_remove(struct region *region);

/* Unmaps its pages in [start, end) and drops them; the region stays and faults start over. */
void region_discard(struct region *region, uint64_t start, uint64_t end);

/* Result: NULL when no region of the list covers `va`. */
struct region *region_find(struct region *regions, uint64_t va);

/* The region of `va` as the address space sees it, kernel's half included. */
struct region *region_of(struct aspace *as, uint64_t va);

/* The twin of `region` in `to`, pages shared (region_cow.c).  Result: 0 or an error. */
int region_duplicate(struct region *region, struct aspace *to);

/* Drops what an L1 entry held: a page's reference or a swap slot.  `region` may be NULL. */
void region_entry_drop(struct region *region, pte_t entry);

/* Takes the first region off a list and frees it; its pages are gone already (aspace.c). */
void region_forget(struct region **list);

/* An L1 entry's flags for a page of this region. */
static inline uint64_t region_pte_flags(const struct region *region, bool writable)
{
    return PTE_P | (writable ? PTE_RW : 0) | (region->rights & REGION_USER ? PTE_U : 0) |
           (region->rights & REGION_X ? 0 : PTE_NX);
}

#endif
