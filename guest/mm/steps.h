/*
 * SPDX-License-Identifier: MIT
 *
 * steps.h - what mm/ did, step by step, for people (trace=1) and for scenarios (the log).
 *
 * Every step of a fault and of a page-table page's life is put into a ring, always; with trace=1 it
 * is printed too.
 */
#ifndef GUEST_MM_STEPS_H
#define GUEST_MM_STEPS_H

#include <abi/abi.h>

enum step {
    STEP_REFLECTED, /* a = address, b = error code */
    STEP_LOOKED_UP, /* a = address, level = lowest table that exists */
    STEP_PT_PAGE,   /* a page for a table of `level`: a = PFN */
    STEP_PT_MFN,    /* its machine frame: a = PFN, b = MFN */
    STEP_READONLY,  /* a = MFN, b = VA of the mapping made read-only */
    STEP_PINNED,    /* a = MFN */
    STEP_HOOKED,    /* entry of `level` := b, at machine address a */
    STEP_MAPPED,    /* L1 entry of address a := b */
    STEP_UNMAPPED,  /* L1 entry of address a, was b */
    STEP_UNHOOKED,  /* entry of `level` at machine address a cleared, was b */
    STEP_UNPINNED,  /* a = MFN */
    STEP_WRITABLE,  /* a = MFN */
    STEP_FREED,     /* a = PFN */
    STEP_FILLED,    /* a = PFN, b = where from: see region policies */
    STEP_EVICTED,   /* a = address, b = swap slot */
    STEP_REFUSED,   /* a = address, b = error code */
};

struct step_record {
    enum step step;
    unsigned int level;
    uint64_t a, b;
};

#define STEPS_KEPT 256

extern bool steps_trace; /* print each step; set by trace=1 */

void step_log(enum step step, unsigned int level, uint64_t a, uint64_t b);

/* Number of steps logged since start: marks a place in the log. */
uint64_t steps_mark(void);

/* The step number `n`.  Result: false when it is not in the ring (yet, or any more). */
bool steps_get(uint64_t n, struct step_record *record);

#endif
