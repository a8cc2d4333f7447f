/* SPDX-License-Identifier: MIT */
/*
 * The auditor: recounts every reference from the tables themselves and compares with the frame
 * table. Knows the rules (docs/architecture.md, invariants 1 to 5), none of the code that keeps them.
 *
 * Runs with all CPUs standing still, between two requests or two pieces of one. Changes nothing.
 */
#ifndef HV_PT_AUDIT_H
#define HV_PT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/frame.h"
#include "pt/page_type.h"

/* A reference that is not an entry of a table, a pin or a partial flag: the caller lists these. */
struct audit_ref {
    mfn_t mfn;
    enum page_type type; /* type reference that goes with the general one; PT_NONE = none */
    const char *what;    /* "kernel root", "GDT slot": for the log */
};

/* Recounted references of one frame. */
struct audit_count {
    uint32_t refs;
    uint32_t types;
};

struct audit_roots {
    const struct audit_ref *refs; /* base pointers, descriptor slots, registered areas, … */
    unsigned refs_count;
    const struct pt_work *const *works; /* pending cleanup of each vCPU */
    unsigned works_count;
    bool at_rest;             /* a vCPU is about to run guest code: no pending cleanup */
    const uint64_t *hv_slots; /* template of the hypervisor's slots, first to last */
    /* May tables of table_owner hold L1 entries to frames of page_owner? 0 = never. */
    bool (*may_map)(uint16_t table_owner, uint16_t page_owner);
    struct audit_count *scratch; /* frame_limit elements of work memory */
};

/*
 * Checks the whole machine. Each difference is a line on the log (the first 16 of a run, then their
 * number). Returns how many there were: 0 means that every rule holds.
 */
unsigned audit_run(const struct audit_roots *roots);

#endif
