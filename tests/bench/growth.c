/*
 * SPDX-License-Identifier: MIT
 *
 * growth.c - the same rows while there is more and more of something: live L1 tables, pinned roots,
 * address spaces.
 *
 * The number doubles from 1 up to the limit, and at each of them every row of the list is measured; a
 * row is called KIND/NUMBER/ROW. What was made is kept. That memory grows is scripts/bench's part: it
 * boots with more of it.
 */
#include "bench.h"

#include "guest.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/pt_page.h"
#include "mm/pt_update.h"

#include <stdio.h>
#include <string.h>

static const char *const rows[] = {
    "null-hypercall",      "update-va-pair-invlpg", "mmu-update-512-pair", "demand-fault",
    "demand-fault-new-l1", "pin-unpin-l4",          "baseptr-pair",        "process-64-pages",
};

static pfn_t shared; /* what every table made here maps */

/* One more L1 in the running address space, with one entry. */
static void make_table(unsigned long n)
{
    bench_check(pt_map(aspace_active, ARENA_VA + (n << 21), p2m(shared), AREA_FLAGS), "table");
}

static void kernel_half(pte_t *table)
{
    const pte_t *live = page_va(kernel_aspace.l4);

    for (unsigned int i = KERNEL_L4_SLOT; i < PT_ENTRIES; i++)
        table[i] = live[i];
}

/* One more L4, pinned, with the kernel's half. */
static void make_root(unsigned long n)
{
    pfn_t root;

    (void)n;
    bench_check(pt_page_make(4, kernel_half, &root), "root");
}

/* One more address space with a user side and a page in it: two L4s, an L3, an L2, an L1. */
static void make_space(unsigned long n)
{
    int error;
    struct aspace *space = aspace_create(true, &error);

    (void)n;
    bench_check(space ? 0 : error, "address space");
    bench_check(pt_map(space, USER_TEXT_VA, p2m(shared), PTE_P | PTE_U), "user page");
}

static const struct {
    const char *name;
    void (*make)(unsigned long n);
} kinds[] = { { "tables", make_table }, { "roots", make_root }, { "spaces", make_space } };

static void measure(const char *what, unsigned long number)
{
    char label[64];

    for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(label, sizeof(label), "%s/%lu/%s", what, number, rows[i]);
        if (!bench_run(rows[i], label))
            guest_panic("bench: no row %s", rows[i]);
    }
}

void bench_growth(const char *what, unsigned long limit)
{
    unsigned long made = 0;

    shared = bench_page();
    for (unsigned int k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        if (strcmp(kinds[k].name, what) != 0)
            continue;
        for (unsigned long number = 1; number <= limit; number *= 2) {
            while (made < number)
                kinds[k].make(made++);
            measure(what, number);
        }
        return;
    }
    guest_panic("bench: nothing called %s can grow", what);
}
