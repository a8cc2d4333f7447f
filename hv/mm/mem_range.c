/* SPDX-License-Identifier: MIT */
/*
 * Sets of address ranges, small and sorted. When a set is full what does not fit is left out, which
 * for memory means that it is not used. Callers: boot/multiboot.c, mm/boot_map.c, main.c.
 */
#include "mm/mem_range.h"

static void remove_at(struct mem_ranges *r, unsigned i)
{
    r->count--;
    __builtin_memmove(&r->at[i], &r->at[i + 1], (r->count - i) * sizeof(r->at[0]));
}

static void insert_at(struct mem_ranges *r, unsigned i, uint64_t start, uint64_t end)
{
    if (r->count == MEM_RANGES_MAX) {
        r->truncated = true;
        return;
    }
    __builtin_memmove(&r->at[i + 1], &r->at[i], (r->count - i) * sizeof(r->at[0]));
    r->at[i] = (struct mem_range){ start, end };
    r->count++;
}

void mem_ranges_add(struct mem_ranges *r, uint64_t start, uint64_t end)
{
    unsigned i = 0;

    if (start >= end)
        return;
    while (i < r->count && r->at[i].end < start)
        i++;
    while (i < r->count && r->at[i].start <= end) {
        if (r->at[i].start < start)
            start = r->at[i].start;
        if (r->at[i].end > end)
            end = r->at[i].end;
        remove_at(r, i);
    }
    insert_at(r, i, start, end);
}

void mem_ranges_cut(struct mem_ranges *r, uint64_t start, uint64_t end)
{
    unsigned i = 0;

    if (start >= end)
        return;
    while (i < r->count && r->at[i].end <= start)
        i++;
    while (i < r->count && r->at[i].start < end) {
        struct mem_range old = r->at[i];

        remove_at(r, i);
        if (old.start < start)
            insert_at(r, i++, old.start, start);
        if (old.end > end)
            insert_at(r, i++, end, old.end);
    }
}

bool mem_ranges_hold(const struct mem_ranges *r, uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < r->count; i++)
        if (start >= r->at[i].start && end <= r->at[i].end)
            return true;
    return start >= end;
}

uint64_t mem_ranges_take(struct mem_ranges *r, uint64_t bytes, uint64_t align, uint64_t limit)
{
    for (unsigned i = 0; i < r->count; i++) {
        uint64_t start = (r->at[i].start + align - 1) & ~(align - 1);
        uint64_t end = r->at[i].end < limit ? r->at[i].end : limit;

        if (start && start < end && end - start >= bytes) {
            mem_ranges_cut(r, start, start + bytes);
            return start;
        }
    }
    return 0;
}

uint64_t mem_ranges_bytes(const struct mem_ranges *r)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < r->count; i++)
        bytes += r->at[i].end - r->at[i].start;
    return bytes;
}
