/* SPDX-License-Identifier: MIT */
/*
 * Free frames in blocks of 2^order, aligned to their size, one list for each order. A block's head
 * keeps the links in its type word, so that free memory is never touched; the other frames of a
 * free block have type word 0. A frame that is not free, or not RAM, has another owner, so that a
 * buddy is recognised from its two words alone.
 *
 *   type word of a free head   63   62....58 57......29 28.......0
 *                              |head| order |   prev   |   next   |    MFN, or LINK_NONE
 *
 * Invariant: under alloc_lock, every free frame is in exactly one block of one list, and no two
 * buddies of one order are both free. Callers: mm/owner.c, mm/hv_map.c, dom/, and main.c at boot.
 */
#include "mm/page_alloc.h"

#include "hooks.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "mm/tlb.h"

#define LINK_BITS   29u
#define LINK_NONE   ((1ull << LINK_BITS) - 1)
#define HEAD        (1ull << 63)
#define ORDER_SHIFT 58

static uint64_t list[PAGE_ORDER_MAX + 1]; /* first head + 1, so that zero is an empty list */
static uint64_t free_frames;
static struct spinlock alloc_lock;

static uint64_t link_make(unsigned order, uint64_t prev, uint64_t next)
{
    return HEAD | (uint64_t)order << ORDER_SHIFT | prev << LINK_BITS | next;
}

static uint64_t link_next(uint64_t head)
{
    return frame_table[head].type & LINK_NONE;
}

static uint64_t link_prev(uint64_t head)
{
    return frame_table[head].type >> LINK_BITS & LINK_NONE;
}

static void block_insert(uint64_t n, unsigned order)
{
    uint64_t next = list[order] ? list[order] - 1 : LINK_NONE;

    frame_table[n].type = link_make(order, LINK_NONE, next);
    if (next != LINK_NONE)
        frame_table[next].type = link_make(order, n, link_next(next));
    list[order] = n + 1;
    free_frames += 1ull << order;
}

static void block_remove(uint64_t n, unsigned order)
{
    uint64_t next = link_next(n), prev = link_prev(n);

    if (prev == LINK_NONE)
        list[order] = next == LINK_NONE ? 0 : next + 1;
    else
        frame_table[prev].type = link_make(order, link_prev(prev), next);
    if (next != LINK_NONE)
        frame_table[next].type = link_make(order, prev, link_next(next));
    frame_table[n].type = 0;
    free_frames -= 1ull << order;
}

/* True if n heads a free block of exactly this order. */
static bool block_is(uint64_t n, unsigned order)
{
    const struct frame *f = &frame_table[n];

    return n < frame_limit &&
           (f->ref & (FRAME_OWNER_MASK | FRAME_REF_COUNT)) == (uint64_t)OWNER_NONE
                                                                  << FRAME_OWNER_SHIFT &&
           f->type >> ORDER_SHIFT == (HEAD >> ORDER_SHIFT | order);
}

/* The block [n, n + 2^order) becomes free and grows as long as its buddy is free too. */
static void block_free(uint64_t n, unsigned order)
{
    while (order < PAGE_ORDER_MAX && block_is(n ^ 1ull << order, order)) {
        block_remove(n ^ 1ull << order, order);
        n &= ~(1ull << order);
        order++;
    }
    block_insert(n, order);
}

void page_alloc_add(mfn_t first, uint64_t count)
{
    uint64_t n = first.n, end = n + count;

    /* A link must be able to name every frame. */
    if (end > LINK_NONE)
        end = LINK_NONE;
    spin_lock(&alloc_lock);
    while (n < end) {
        unsigned order = 0;

        while (order < PAGE_ORDER_MAX && !(n & 1ull << order) && end - n >= 2ull << order)
            order++;
        block_free(n, order);
        n += 1ull << order;
    }
    spin_unlock(&alloc_lock);
}

/* Takes a block off the lists, splitting a larger one if need be. LINK_NONE when there is none. */
static uint64_t block_take(unsigned order)
{
    unsigned from = order;
    uint64_t n;

    while (from <= PAGE_ORDER_MAX && !list[from])
        from++;
    if (from > PAGE_ORDER_MAX)
        return LINK_NONE;
    n = list[from] - 1;
    block_remove(n, from);
    while (from-- > order)
        block_insert(n + (1ull << from), from);
    return n;
}

mfn_t page_alloc(unsigned order)
{
    uint64_t n;

    if (order > PAGE_ORDER_MAX || hook_fail())
        return MFN_NONE;
    spin_lock(&alloc_lock);
    n = block_take(order);
    spin_unlock(&alloc_lock);
    if (n == LINK_NONE)
        return MFN_NONE;
    frame_flush_freed(mfn_of(n), 1ull << order);
    for (uint64_t i = n; i < n + (1ull << order); i++)
        frame_table[i].ref = (uint64_t)OWNER_HV << FRAME_OWNER_SHIFT;
    return mfn_of(n);
}

void *page_alloc_zeroed(void)
{
    mfn_t mfn = page_alloc(0);

    if (!frame_valid(mfn))
        return 0;
    return __builtin_memset(frame_va(mfn), 0, PAGE_SIZE);
}

void page_free(mfn_t mfn, unsigned order)
{
    uint64_t freed_at = ((uint64_t)tlb_epoch() << FRAME_FREED_SHIFT) & FRAME_FREED_MASK;

    for (uint64_t i = mfn.n; i < mfn.n + (1ull << order); i++) {
        /* Freed twice, or still referenced: handing it out again would break every other rule. */
        ASSERT(!(frame_table[i].ref & FRAME_REF_COUNT) && frame_owner(mfn_of(i)) != OWNER_NONE);
        frame_table[i].ref = (uint64_t)OWNER_NONE << FRAME_OWNER_SHIFT | freed_at;
        frame_table[i].type = 0;
    }
    spin_lock(&alloc_lock);
    block_free(mfn.n, order);
    spin_unlock(&alloc_lock);
}

uint64_t page_free_count(void)
{
    return free_frames;
}

int page_block_order(uint64_t n)
{
    uint64_t head = frame_table[n].type >> ORDER_SHIFT;
    unsigned order = (unsigned)(head & ~(HEAD >> ORDER_SHIFT));

    return head != order && order <= PAGE_ORDER_MAX ? (int)order : -1;
}

uint64_t page_free_blocks(unsigned order)
{
    uint64_t n = list[order] ? list[order] - 1 : LINK_NONE, prev = LINK_NONE, count = 0;

    while (n < frame_limit && block_is(n, order) && link_prev(n) == prev) {
        count++;
        prev = n;
        n = link_next(n);
    }
    return n == LINK_NONE ? count : ~count;
}

bool page_alloc_idle(void)
{
    return !alloc_lock.held;
}
