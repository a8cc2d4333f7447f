/* SPDX-License-Identifier: MIT */
/*
 * The look at all words of a table at once: which of its spans (FRAME_SPANS) have a present entry. Most
 * tables are mostly empty, and what they were before was the guest's, so that each word must be seen.
 * What is found is read again, by itself, for what is decided of it. Called by pt/table.c only.
 */
#ifndef HV_PT_TABLE_SCAN_H
#define HV_PT_TABLE_SCAN_H

#include "geometry.h"
#include "hooks.h"
#include "mm/frame.h"

#define SCAN_WIDE (PT_ENTRIES == 512 && FRAME_SPANS == 16)

/*
 * Two words with each instruction. XMM0 is the guest's: it is put back, and with CR0.TS it cannot be
 * touched (hook_wide()). A span's 256 bytes are gathered, bit 0 (present) of both halves is moved to
 * where MOVMSKPD sees it, and goes through the carry into the mask from above.
 */
static inline unsigned scan_wide(const uint64_t *table)
{
    unsigned spans = 0, halves;
    uint64_t kept[2];

    asm volatile(
        "movups %%xmm0, %[kept]\n"
        "1:\tmovdqa (%[word]), %%xmm0\n\t"
        ".irp pair, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n\t"
        "por \\pair * 16(%[word]), %%xmm0\n\t"
        ".endr\n\t"
        "psllq $63, %%xmm0\n\t"
        "movmskpd %%xmm0, %[halves]\n\t"
        "addl $-1, %[halves]\n\t"
        "rcrl $1, %[spans]\n\t"
        "addq $256, %[word]\n\t"
        "testl $0xfff, %k[word]\n\t"
        "jnz 1b\n\t"
        "movups %[kept], %%xmm0"
        : [word] "+r"(table), [spans] "+r"(spans), [halves] "=&r"(halves), [kept] "=m"(kept)
        : "m"(*(const uint64_t(*)[PT_ENTRIES])table)
        : "cc");
    return spans >> 16;
}

static inline unsigned scan_each(const uint64_t *table)
{
    unsigned spans = 0;

    for (unsigned slot = 0; slot < PT_ENTRIES; slot++)
        if (table[slot] & PTE_P)
            spans |= frame_span_bit(slot);
    return spans;
}

/*
 * The spans of a table in which an entry is present, as bits of FRAME_SPANS_ALL. On the host's machines
 * of a few entries, where what is in a table is chosen when an entry is read, nothing is ruled out.
 */
static inline unsigned table_spans(const uint64_t *table)
{
    if (!SCAN_WIDE)
        return FRAME_SPANS_ALL;
    return hook_wide() ? scan_wide(table) : scan_each(table);
}

#endif
