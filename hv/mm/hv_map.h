/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own mappings: the idle page table, from which slots 256..271 of every L4 are
 * copied, and the per-domain slot 260.
 */
#ifndef HV_MM_HV_MAP_H
#define HV_MM_HV_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/frame.h"

/* The idle L4: hypervisor slots only. Its machine address is what CR3 holds when nothing runs. */
extern uint64_t idle_root_pa;

/* Rights of the hypervisor's own pages. No entry is both writable and executable. */
#define HV_PTE_TEXT  (PTE_P | PTE_A)
#define HV_PTE_RO    (PTE_P | PTE_A | PTE_NX)
#define HV_PTE_DATA  (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)
#define HV_PTE_IO    (HV_PTE_DATA | PTE_PCD | PTE_PWT)
#define HV_PTE_TABLE (PTE_P | PTE_RW | PTE_A) /* above a leaf */

/*
 * Writes the hypervisor's slots into an L4 that is being promoted (I5): everything the guest left
 * in slots 256..271 is overwritten. perdomain_entry: value for slot 260, 0 = empty. Slot 256
 * becomes empty: hv_map_show_m2p() fills it.
 */
void hv_map_fill_slots(uint64_t *l4, uint64_t perdomain_entry);

/* The RO M2P of slot 256 in an L4: put in (when it becomes a kernel base) or taken out. */
void hv_map_show_m2p(uint64_t *l4, int visible);

/*
 * Writes one entry of the idle page table: pte at level (1 = a 4 KiB page, 2 = a 2 MiB page) for
 * va. Tables above it are made as needed, with the rights above. 0 or -ENOMEM. No flush. After the
 * boot only for slot 261, whose L3 every L4 shares.
 */
int hv_map_set(uint64_t va, unsigned level, uint64_t pte, uint64_t above);

/*
 * Set before the boot maps memory: 4 KiB pages only, so that hv_map_written() can tell one from
 * another.
 */
extern bool hv_map_small;

/*
 * True if the page of RAM or of the frame table was written to under this address since the last
 * call for it. What is asked for after hv_map_watch() counts from there.
 */
bool hv_map_written(const void *page);
void hv_map_watch(void);

/*
 * Where hv_map_set() gets table pages: 0 = mm/page_alloc.c; mm/boot_map.c sets its own during the
 * boot.
 */
extern uint64_t (*hv_map_table_source)(void);

/*
 * Maps the page of device registers at machine address pa, uncached, for good. Its VA (with pa's
 * offset in the page), or 0.
 */
void *hv_map_io(uint64_t pa);

/*
 * Maps or unmaps (pte 0) one page in the per-domain area. va lies in slot 260; tables below
 * map->l3_pa are made as needed. 0 or -ENOMEM; unmapping makes none and cannot fail. No flush.
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
