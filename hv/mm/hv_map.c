/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's mappings once it runs: its slots in other L4s, stacks, device registers, and the
 * tables of the per-domain slot. The map itself is built by mm/boot_map.c.
 *
 * Invariant: slots 257..271 of every L4 that a CPU can load hold what the idle L4 holds (slot 260:
 * the domain's), so a change below slot 261 shows in all of them at once. No page is writable and
 * executable, nor is one mapped so under two addresses. Only slot 256 has user bits.
 */
#include "mm/hv_map.h"

#include "lib/errno.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"

#define SLOT_M2P       256u
#define SLOT_PERDOMAIN 260u

#define STACK_PAGES  2u
#define STACK_STRIDE (4 * PAGE_SIZE) /* two pages that are never mapped, then the stack */
#define STACKS_MAX   512u
#define IO_PAGES_MAX 64u

uint64_t idle_root_pa;
uint64_t (*hv_map_table_source)(void);
bool hv_map_small;

static struct spinlock map_lock; /* these tables, the two counters below */
static uint64_t stacks_used[STACKS_MAX / 64];
static unsigned io_pages;

static uint64_t *table_va(uint64_t pa)
{
    return frame_va(ma_to_mfn(pa));
}

void hv_map_fill_slots(uint64_t *l4, uint64_t perdomain_entry)
{
    const uint64_t *idle = table_va(idle_root_pa);

    memcpy(&l4[HV_L4_SLOT_FIRST], &idle[HV_L4_SLOT_FIRST],
           (HV_L4_SLOT_LAST - HV_L4_SLOT_FIRST + 1) * sizeof(*l4));
    l4[SLOT_M2P] = 0;
    l4[SLOT_PERDOMAIN] = perdomain_entry;
}

void hv_map_show_m2p(uint64_t *l4, int visible)
{
    l4[SLOT_M2P] = visible ? table_va(idle_root_pa)[SLOT_M2P] : 0;
}

static uint64_t table_page(void)
{
    void *page;

    if (hv_map_table_source)
        return hv_map_table_source();
    page = page_alloc_zeroed();
    return page ? mfn_to_ma(frame_of_va(page)) : 0;
}

/*
 * The entry of va in the table of this level, under table, which is one of level top. Missing
 * tables are made with the rights above, if there are any. 0 when a table is missing and not made, or
 * when a larger page is in the way.
 */
static uint64_t *entry_at(uint64_t *table, unsigned top, uint64_t va, unsigned level,
                          uint64_t above)
{
    for (unsigned l = top; l > level; l--) {
        uint64_t *entry = &table[level_index(va, l)];

        if (!(*entry & PTE_P)) {
            uint64_t page = above ? table_page() : 0;

            if (!page)
                return 0;
            *entry = page | above;
        } else if (*entry & PTE_PS) {
            return 0;
        }
        table = table_va(*entry & PTE_ADDR_MASK);
    }
    return &table[level_index(va, level)];
}

int hv_map_set(uint64_t va, unsigned level, uint64_t pte, uint64_t above)
{
    uint64_t *entry;

    spin_lock(&map_lock);
    entry = entry_at(table_va(idle_root_pa), 4, va, level, above);
    if (entry)
        *entry = pte | (level > 1 && pte ? PTE_PS : 0);
    spin_unlock(&map_lock);
    return entry ? 0 : -ENOMEM;
}

void *hv_map_io(uint64_t pa)
{
    uint64_t va;

    if (io_pages == IO_PAGES_MAX)
        return 0;
    va = HV_IO_VA + io_pages * PAGE_SIZE;
    if (hv_map_set(va, 1, (pa & PAGE_MASK) | HV_PTE_IO, HV_PTE_TABLE))
        return 0;
    io_pages++;
    return (void *)(va + (pa & ~PAGE_MASK));
}

/* The CPU sets the dirty bit, at the first write after it has lost the translation. */
bool hv_map_written(const void *page)
{
    uint64_t *entry = entry_at(table_va(idle_root_pa), 4, (uint64_t)page, 1, 0);

    if (!entry)
        return true;
    if (!(*entry & PTE_D))
        return false;
    *entry &= ~PTE_D;
    return true;
}

/* Not tlb_flush_all(): this one must not look like a flush that the hypervisor owed. */
void hv_map_watch(void)
{
    write_cr3(read_cr3());
}

/* ---- the per-domain slot ---- */

int perdomain_set(struct perdomain_map *map, uint64_t va, uint64_t pte)
{
    uint64_t *entry = 0;

    spin_lock(&map_lock); /* another vCPU of the domain's may need the same tables */
    if (!map->l3_pa && pte)
        map->l3_pa = table_page();
    if (map->l3_pa)
        entry = entry_at(table_va(map->l3_pa), 3, va, 1, pte ? HV_PTE_TABLE : 0);
    if (entry)
        *entry = pte;
    spin_unlock(&map_lock);
    return entry || !pte ? 0 : -ENOMEM;
}

static void tables_free(uint64_t pa, unsigned level)
{
    const uint64_t *table = table_va(pa);

    for (unsigned i = 0; level > 1 && i < PT_ENTRIES; i++)
        if (table[i] & PTE_P)
            tables_free(table[i] & PTE_ADDR_MASK, level - 1);
    page_free(ma_to_mfn(pa), 0);
}

void perdomain_free(struct perdomain_map *map)
{
    if (map->l3_pa)
        tables_free(map->l3_pa, 3);
    map->l3_pa = 0;
}

/* ---- stacks ---- */

static int stack_slot_take(void)
{
    int slot = -1;

    spin_lock(&map_lock);
    for (unsigned i = 0; i < STACKS_MAX && slot < 0; i++) {
        if (!(stacks_used[i / 64] >> i % 64 & 1)) {
            stacks_used[i / 64] |= 1ull << i % 64;
            slot = (int)i;
        }
    }
    spin_unlock(&map_lock);
    return slot;
}

static uint64_t stack_page_va(uint64_t top, unsigned page)
{
    return top - (page + 1) * PAGE_SIZE;
}

void hv_stack_free(uint64_t top)
{
    unsigned slot = (unsigned)((top - HV_STACKS_VA) / STACK_STRIDE - 1);

    for (unsigned i = 0; i < STACK_PAGES; i++) {
        uint64_t va = stack_page_va(top, i);
        uint64_t *entry = entry_at(table_va(idle_root_pa), 4, va, 1, 0);
        uint64_t pte = entry ? *entry : 0;

        if (!(pte & PTE_P))
            continue;
        *entry = 0;
        tlb_flush_va(va);
        page_free(pte_mfn(pte), 0);
    }
    spin_lock(&map_lock);
    stacks_used[slot / 64] &= ~(1ull << slot % 64);
    spin_unlock(&map_lock);
}

uint64_t hv_stack_alloc(void)
{
    int slot = stack_slot_take();
    uint64_t top;

    if (slot < 0)
        return 0;
    top = HV_STACKS_VA + ((uint64_t)slot + 1) * STACK_STRIDE;
    for (unsigned i = 0; i < STACK_PAGES; i++) {
        void *page = page_alloc_zeroed();
        uint64_t pte = page ? mfn_to_ma(frame_of_va(page)) | HV_PTE_DATA : 0;

        if (!page || hv_map_set(stack_page_va(top, i), 1, pte, HV_PTE_TABLE)) {
            if (page)
                page_free(frame_of_va(page), 0);
            hv_stack_free(top);
            return 0;
        }
    }
    return top;
}
