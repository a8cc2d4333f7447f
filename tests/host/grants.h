/* SPDX-License-Identifier: MIT */
/*
 * The stage of the grant tests: the control domain grants, the guest, which has no privilege, maps
 * (vCPU 0, in a loaded tree of its own). Requests are hypercalls, with restarts and checks.
 */
#ifndef TESTS_HOST_GRANTS_H
#define TESTS_HOST_GRANTS_H

#include "machine.h"

#include "dom/gnttab.h"

#define REF1 9u /* the entries that tests use */
#define REF2 10u

struct grant_stage {
    struct machine_tree tree;  /* the mapper's; slots of its L1 from 1 on are for the tests */
    struct machine_tree other; /* the granter's, not loaded nor pinned */
    mfn_t page, page2;         /* the granter's, of no type */
    mfn_t own;                 /* the mapper's */
};
extern struct grant_stage gs;

/* cmocka's setup; machine_teardown() takes it apart. */
int grant_stage_make(void **state);

/* The address that slot n of the tree's L1 maps, and the entry there. */
static inline uint64_t slot_va(unsigned n)
{
    return (uint64_t)n << PAGE_SHIFT;
}
uint64_t slot_entry(unsigned n);

/* The granter writes an entry, looks at its flags, changes the whole word. */
void grant_write(uint32_t ref, unsigned flags, uint16_t domid, mfn_t frame);
unsigned grant_flags(uint32_t ref);

/* Requests of the current vCPU's domain about the control domain's entries. Results: statuses. */
int grant_map_at(unsigned slot, uint32_t ref, uint32_t flags, uint32_t *handle);
int grant_unmap_at(unsigned slot, uint32_t handle, mfn_t device); /* MFN_NONE: host part only */
int grant_replace_at(unsigned slot, unsigned new_slot, uint32_t handle);
/* Copies 8 bytes between two granted frames, or the mapper's own page (ref 0). */
int grant_copy_between(uint32_t from, uint32_t to);

/* Any batch, in the guest's request memory. Result: the call's. */
long grant_call(unsigned cmd, void *ops, uint32_t count, size_t bytes);

/* The pins of an entry of the control domain's. */
uint32_t grant_pins_of(uint32_t ref);

#endif
