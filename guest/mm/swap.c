/*
 * SPDX-License-Identifier: MIT
 *
 * swap.c - slots and their pages.
 *
 * Invariant: slots[0..total) have a page each; the free ones are on the list through `next`.
 */
#include "mm/swap.h"

#include "guest.h"
#include "mm/page.h"
#include "mm/steps.h"

struct slot {
    pfn_t pfn;
    bool used;
    uint32_t next;
};

#define LIST_END UINT32_MAX

static struct slot slots[SWAP_MAX_SLOTS];
static uint32_t free_head = LIST_END;
static unsigned int total, used;

static void slot_push(uint32_t n)
{
    slots[n].used = false;
    slots[n].next = free_head;
    free_head = n;
}

int swap_add(unsigned int pages)
{
    if (pages > SWAP_MAX_SLOTS - total || pages > page_count(PAGE_FREE))
        return -XEN_ENOMEM;
    for (; pages; pages--) {
        slots[total].pfn = page_alloc(PAGE_SWAP);
        slot_push(total++);
    }
    return 0;
}

void swap_release(void)
{
    if (used)
        return;
    while (total)
        page_put(slots[--total].pfn);
    free_head = LIST_END;
}

static void first_use(void)
{
    uint64_t pages = page_count(PAGE_FREE) / 16;

    (void)swap_add(pages < SWAP_MAX_SLOTS ? (unsigned int)pages : SWAP_MAX_SLOTS);
}

int swap_out(pfn_t pfn, uint64_t *slot)
{
    if (!total)
        first_use();
    if (free_head == LIST_END)
        return -XEN_ENOSPC;
    uint32_t n = free_head;

    free_head = slots[n].next;
    slots[n].used = true;
    used++;
    page_copy(slots[n].pfn, pfn);
    *slot = n;
    return 0;
}

int swap_in(uint64_t slot, pfn_t *pfn)
{
    if (slot >= total || !slots[slot].used)
        guest_panic("swap: slot %lu is empty", slot);
    *pfn = page_alloc(PAGE_ANON);
    if (page_none(*pfn))
        return -XEN_ENOMEM;
    page_copy(*pfn, slots[slot].pfn);
    step_log(STEP_FILLED, 0, pfn->n, (uint64_t) "swap");
    return 0;
}

void swap_free(uint64_t slot)
{
    if (slot >= total || !slots[slot].used)
        guest_panic("swap: slot %lu freed twice", slot);
    used--;
    slot_push((uint32_t)slot);
}

unsigned int swap_used(void)
{
    return used;
}
