/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own mappings: the idle page table, from which slots 256..271 of every L4 are
 * copied, and the per-domain slot 260.
 */
#ifndef HV_MM_HV_MAP_H
#define HV_MM_HV_MAP_H

#include <stdint.h>

#include "mm/frame.h"

/* The idle L4: hypervisor slots only. Its machine address is what CR3 holds when nothing runs. */
extern uint64_t idle_root_pa;

/*
 * Writes the hypervisor's slots into an L4 that is being promoted (I9): everything the guest left
 * in slots 256..271 is overwritten. perdomain_entry: value for slot 260, 0 = empty.
 */
void hv_map_fill_slots(uint64_t *l4, uint64_t perdomain_entry);

/* The RO M2P of slot 256 in an L4: put in (when it becomes a kernel base) or taken out. */
void hv_map_show_m2p(uint64_t *l4, int visible);

/*
 * Maps or unmaps (pte 0) one page in the per-domain area. va lies in slot 260; tables below
 * *perdomain_l3 are made as needed. 0 or -ENOMEM.
 */
struct perdomain_map {
    uint64_t l3_pa; /* machine address of the L3 under slot 260, 0 = none yet */
};
int perdomain_set(struct perdomain_map *map, uint64_t va, uint64_t pte);
/* Frees the tables of a per-domain area (not what they map). */
void perdomain_free(struct perdomain_map *map);

/* A stack of 2 pages with a guard page below; returns its top, 0 if out of memory. */
uint64_t hv_stack_alloc(void);
void hv_stack_free(uint64_t top);

#endif
