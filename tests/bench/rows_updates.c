/*
 * SPDX-License-Identifier: MIT
 *
 * rows_updates.c - rows that write page-table entries: one at a time, and in batches.
 */
#include "bench.h"

#define BATCH_MAX 512U

static void update_va(const char *name, uint64_t flags)
{
    pte_t entry = bench_area()->entry;

    MEASURE(name, 1000, 1, {
        hypercall_update_va_mapping(AREA_VA, 0, flags);
        hypercall_update_va_mapping(AREA_VA, entry, flags);
    });
}

static void row_update_va(const char *name)
{
    update_va(name, UVMF_NONE);
}

static void row_update_va_invlpg(const char *name)
{
    update_va(name, UVMF_INVLPG);
}

static void row_mmu_update(const char *name)
{
    const struct bench_area *area = bench_area();
    mmu_update_t clear = { area->l1_ma, 0 }, set = { area->l1_ma, area->entry };

    MEASURE(name, 1000, 1, {
        hypercall_mmu_update(&clear, 1, NULL, DOMID_SELF);
        hypercall_mmu_update(&set, 1, NULL, DOMID_SELF);
    });
}

static mmu_update_t requests[2 * BATCH_MAX];

/* Entry i of the area gets `entry`; request `at + i` says so. */
static void fill(unsigned int at, unsigned int count, pte_t entry)
{
    for (unsigned int i = 0; i < count; i++)
        requests[at + i] = (mmu_update_t){ bench_area()->l1_ma + i * sizeof(pte_t), entry };
}

static void carry_out(unsigned int count, const char *what)
{
    bench_check(hypercall_mmu_update(requests, count, NULL, DOMID_SELF), what);
}

/* The area's first `size` entries are there again, the others are not. */
static void clear_again(unsigned int size)
{
    fill(0, size, 0);
    carry_out(size, "clear");
    bench_set(bench_area()->l1_ma, bench_area()->entry);
}

static void batch_same(const char *name, unsigned int size)
{
    fill(0, size, bench_area()->entry);
    carry_out(size, "fill");
    MEASURE(name, 102400 / size / 8, size, hypercall_mmu_update(requests, size, NULL, DOMID_SELF));
    clear_again(size);
}

static void batch_pair(const char *name, unsigned int size)
{
    fill(0, size, bench_area()->entry);
    carry_out(size, "fill");
    fill(0, size, 0);
    fill(size, size, bench_area()->entry);
    MEASURE(name, 102400 / size / 8, size,
            hypercall_mmu_update(requests, 2 * size, NULL, DOMID_SELF));
    clear_again(size);
}

#define ROWS_OF(size)                             \
    static void row_same_##size(const char *name) \
    {                                             \
        batch_same(name, size);                   \
    }                                             \
    static void row_pair_##size(const char *name) \
    {                                             \
        batch_pair(name, size);                   \
    }

ROWS_OF(1)
ROWS_OF(8)
ROWS_OF(64)
ROWS_OF(512)

const struct bench_row bench_rows_updates[] = {
    { "update-va-pair", row_update_va },     { "update-va-pair-invlpg", row_update_va_invlpg },
    { "mmu-update-pair", row_mmu_update },   { "mmu-update-1-same", row_same_1 },
    { "mmu-update-8-same", row_same_8 },     { "mmu-update-64-same", row_same_64 },
    { "mmu-update-512-same", row_same_512 }, { "mmu-update-1-pair", row_pair_1 },
    { "mmu-update-8-pair", row_pair_8 },     { "mmu-update-64-pair", row_pair_64 },
    { "mmu-update-512-pair", row_pair_512 }, { NULL, NULL },
};
