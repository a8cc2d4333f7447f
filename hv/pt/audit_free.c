/* SPDX-License-Identifier: MIT */
/*
 * Free frames: each is in exactly one block of the allocator, and each block in exactly one list. Part
 * of the auditor. Also the M2P as far as it is the hypervisor's: no frame that is nobody's has a
 * number there; a domain's own words are its own.
 */
#include "mm/m2p.h"
#include "mm/page_alloc.h"
#include "pt/audit.h"

#define REF_MASK (FRAME_OWNER_MASK | FRAME_REF_COUNT | FRAME_ALLOCATED | FRAME_HV_SHARED)
#define REF_FREE ((uint64_t)OWNER_NONE << FRAME_OWNER_SHIFT)

static inline bool is_free(uint64_t n)
{
    return (frame_table[n].ref & REF_MASK) == REF_FREE;
}

static void differs(struct audit *a, uint64_t n, const char *what, uint64_t found,
                    uint64_t expected)
{
    audit_differs(a, "free-list", "frame", AUDIT_AT(n), what, found, expected);
}

/* A block of 2^order frames from n on: only its head has a type word. Returns its end. */
static uint64_t check_block(struct audit *a, uint64_t n, unsigned order)
{
    uint64_t end = n + (1ull << order);

    if ((n & ((1ull << order) - 1)) || end > frame_limit) {
        differs(a, n, "order of the block", order, 0);
        return n + 1;
    }
    for (uint64_t i = n + 1; i < end; i++)
        if (!is_free(i) || frame_table[i].type)
            differs(a, i, "type word in a free block", frame_table[i].type, 0);
    if (order < PAGE_ORDER_MAX && (n ^ 1ull << order) < n && is_free(n ^ 1ull << order) &&
        page_block_order(n ^ 1ull << order) == (int)order)
        differs(a, n, "buddy that is free too", n ^ 1ull << order, ~0ul);
    return end;
}

static void check_m2p(struct audit *a)
{
    for (uint64_t n = 0; n < frame_limit; n++) {
        uint16_t owner = (uint16_t)(frame_table[n].ref >> FRAME_OWNER_SHIFT);

        if (m2p_table[n] != M2P_INVALID &&
            (owner == OWNER_NONE || owner == OWNER_HV || owner == OWNER_IO))
            audit_differs(a, "m2p", "frame", AUDIT_AT(n), "word of nobody's", m2p_table[n],
                          M2P_INVALID);
    }
}

void audit_free(struct audit *a)
{
    uint64_t blocks[PAGE_ORDER_MAX + 1] = { 0 };

    for (uint64_t n = 0; n < frame_limit;) {
        int order = is_free(n) ? page_block_order(n) : -1;

        if (!is_free(n)) {
            n++;
        } else if (order < 0) {
            differs(a, n, "type word of no block", frame_table[n].type, 0);
            n++;
        } else {
            blocks[order]++;
            n = check_block(a, n, (unsigned)order);
        }
    }
    for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++)
        if (blocks[order] != page_free_blocks(order))
            audit_differs(a, "free-list", "order", AUDIT_AT(order), "number of blocks in the list",
                          page_free_blocks(order), blocks[order]);
    check_m2p(a);
}
