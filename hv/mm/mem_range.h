/* SPDX-License-Identifier: MIT */
/* A set of machine-address ranges, for the memory map of the boot. */
#ifndef HV_MM_MEM_RANGE_H
#define HV_MM_MEM_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#define MEM_RANGES_MAX 128u

struct mem_range {
    uint64_t start, end; /* machine addresses [start, end) */
};

/* Sorted, disjoint, none touching another; page aligned if what was added was. */
struct mem_ranges {
    unsigned count;
    bool truncated; /* a range did not fit and was left out */
    struct mem_range at[MEM_RANGES_MAX];
};

/* Adds [start, end), merging what it overlaps or touches. */
void mem_ranges_add(struct mem_ranges *r, uint64_t start, uint64_t end);

/* Takes [start, end) out, wherever it is in. */
void mem_ranges_cut(struct mem_ranges *r, uint64_t start, uint64_t end);

/* True if all of [start, end) is in the set. */
bool mem_ranges_hold(const struct mem_ranges *r, uint64_t start, uint64_t end);

/*
 * Takes the lowest bytes, aligned to align (a power of two) and below limit, out of the set.
 * Their address, or 0 when there are none.
 */
uint64_t mem_ranges_take(struct mem_ranges *r, uint64_t bytes, uint64_t align, uint64_t limit);

/* Sum of the lengths. */
uint64_t mem_ranges_bytes(const struct mem_ranges *r);

#endif
