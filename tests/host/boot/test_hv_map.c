/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's mappings once it runs: its slots in other L4s, device registers, windows of domains,
 * stacks. Whichever allocation fails, nothing that is mapped has changed, no page is lost, and the same
 * request succeeds with memory. The tables under the idle L4 are made once and stay.
 */
#include "boot.h"

#include <string.h>

#include "lib/errno.h"
#include "mm/page_alloc.h"

#define DATA        (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)
#define TABLE       (PTE_P | PTE_RW | PTE_A)
#define REGISTERS   0xfee00000ul
#define STACKS      512u
#define STACK_PAGES 2u
#define IO_PAGES    64u

static uint64_t tables, pages; /* counted by count_entry() */

static void count_entry(uint64_t va, unsigned level, uint64_t entry, bool leaf)
{
    (void)va;
    (void)level;
    if (!leaf)
        assert_int_equal(entry & PTE_FLAGS_MASK & ~PTE_U & ~PTE_RW, PTE_P | PTE_A);
    *(leaf ? &pages : &tables) += 1;
}

/* All pages that are free or a table. */
static uint64_t free_and_tables(void)
{
    tables = pages = 0;
    boot_walk(idle_root_pa, 4, count_entry);
    return page_free_count() + tables;
}

static uint64_t idle_entry(uint64_t va)
{
    return boot_entry(idle_root_pa, 4, va, 1);
}

static int setup(void **state)
{
    (void)state;
    boot_small(12 * MIB);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    boot_end();
    return 0;
}

/* The same machine again, on which the k-th allocation from now on fails. */
static void again_failing(unsigned k)
{
    boot_end();
    boot_small(12 * MIB);
    boot_fail_at = k;
}

/* ---- slots of L4s, single entries ---- */

static void slots(void **state)
{
    const uint64_t *idle = boot_memory(idle_root_pa), perdomain = 0x1234000 | TABLE;
    uint64_t l4[PT_ENTRIES];

    (void)state;
    memset(l4, GARBAGE & 0xff, sizeof(l4));
    hv_map_fill_slots(l4, perdomain);
    for (unsigned slot = 0; slot < PT_ENTRIES; slot++) {
        uint64_t want = slot < 256 || slot > 271 ? GARBAGE : idle[slot];

        assert_int_equal(l4[slot], slot == 256 ? 0 : slot == 260 ? perdomain : want);
    }
    assert_int_not_equal(idle[256] & PTE_P, 0);
    assert_int_not_equal(idle[262] & PTE_P, 0);
    hv_map_show_m2p(l4, 1);
    assert_int_equal(l4[256], idle[256]);
    hv_map_show_m2p(l4, 0);
    assert_int_equal(l4[256], 0);
}

static void entries(void **state)
{
    const uint64_t va = DIRECTMAP_VA + 64 * MIB, large = DIRECTMAP_VA + 6 * MIB;
    const uint64_t before = boot_entry(idle_root_pa, 4, large, 2);

    (void)state;
    assert_int_equal(hv_map_set(va, 1, 0x123000 | DATA, HV_PTE_TABLE), 0);
    assert_int_equal(idle_entry(va), 0x123000 | DATA);
    assert_int_equal(hv_map_set(va + BIG, 2, 0x1200000 | DATA, HV_PTE_TABLE), 0);
    assert_int_equal(boot_entry(idle_root_pa, 4, va + BIG, 2), 0x1200000 | DATA | PTE_PS);
    assert_int_equal(hv_map_set(va + BIG, 2, 0, HV_PTE_TABLE), 0);
    assert_int_equal(((uint64_t *)boot_memory(boot_entry(idle_root_pa, 4, va, 3) &
                                              PTE_ADDR_MASK))[level_index(va + BIG, 2)],
                     0);
    /* A larger page is in the way. */
    assert_int_not_equal(before & PTE_PS, 0);
    assert_int_equal(hv_map_set(large + PAGES(3), 1, 0x123000 | DATA, HV_PTE_TABLE), -ENOMEM);
    assert_int_equal(boot_entry(idle_root_pa, 4, large, 1), before);
}

/* Two of the device's pages may be one after the other; they are mapped for good. */
static void device_registers(void **state)
{
    uint64_t before = free_and_tables();

    (void)state;
    for (unsigned k = 1; k <= 2; k++) { /* an L2, an L1 */
        again_failing(k);
        assert_ptr_equal(hv_map_io(REGISTERS), 0);
        assert_int_equal(boot_steps, k);
        assert_int_equal(idle_entry(HV_IO_VA), 0);
        assert_int_equal(free_and_tables(), before);
    }
    for (unsigned i = 0; i < IO_PAGES; i++) {
        uint64_t va = (uint64_t)hv_map_io(REGISTERS + i * 0x804);

        assert_int_equal(va, HV_IO_VA + PAGES(i) + i * 0x804 % PAGE_SIZE);
        assert_int_equal(idle_entry(va),
                         ((REGISTERS + i * 0x804) & PAGE_MASK) | DATA | PTE_PCD | PTE_PWT);
    }
    assert_ptr_equal(hv_map_io(REGISTERS), 0);
    assert_int_equal(idle_entry(HV_IO_VA + PAGES(IO_PAGES)), 0);
    assert_int_equal(free_and_tables(), before);
}

/* Dirty bits, which the CPU sets: the tests' writes do not. */
static void pages_written(void **state)
{
    const uint64_t va = DIRECTMAP_VA + 2 * MIB + PAGES(20); /* with the image: a small page */
    uint64_t *entry, before, steps;

    (void)state;
    entry = boot_memory(boot_entry(idle_root_pa, 4, va, 2) & PTE_ADDR_MASK);
    entry += level_index(va, 1);
    before = *entry;
    assert_true(hv_map_written((void *)va));
    assert_int_equal(*entry, before & ~PTE_D);
    assert_false(hv_map_written((void *)va));
    *entry |= PTE_D;
    assert_true(hv_map_written((void *)va));
    assert_false(hv_map_written((void *)va));
    /* Large pages, and none, cannot tell; nothing is made to ask. */
    steps = boot_steps;
    assert_true(hv_map_written((void *)(DIRECTMAP_VA + 6 * MIB)));
    assert_true(hv_map_written((void *)(DIRECTMAP_VA + 64 * MIB)));
    assert_int_equal(boot_steps, steps);
    hv_map_watch();
    assert_int_equal(boot_reloads, 1);
}

/* ---- windows of domains ---- */

static void window_is(const struct perdomain_map *map, uint64_t va, uint64_t pte)
{
    assert_int_equal(boot_entry(map->l3_pa, 3, va, 1), pte);
}

static void windows(void **state)
{
    const uint64_t far = PERDOMAIN_VA + 40 * PERDOMAIN_VCPU_SIZE, before = page_free_count();
    struct perdomain_map map = { 0 }, other = { 0 };

    (void)state;
    assert_int_equal(perdomain_set(&map, PERDOMAIN_VA, 0x123000 | DATA), 0);
    assert_int_equal(perdomain_set(&map, PERDOMAIN_VA + PAGES(511), 0x124000 | DATA), 0);
    assert_int_equal(perdomain_set(&map, far, 0x125000 | DATA), 0);
    assert_int_equal(perdomain_set(&other, far, 0x126000 | DATA), 0);
    assert_int_equal(page_free_count(), before - 4 - 3);
    window_is(&map, PERDOMAIN_VA, 0x123000 | DATA);
    window_is(&map, PERDOMAIN_VA + PAGES(511), 0x124000 | DATA);
    window_is(&map, far, 0x125000 | DATA);
    window_is(&other, far, 0x126000 | DATA);
    tables = pages = 0;
    boot_walk(map.l3_pa, 3, count_entry);
    assert_int_equal(tables, 3);
    assert_int_equal(pages, 3);
    assert_int_equal(perdomain_set(&map, far, 0), 0);
    window_is(&map, far, 0);
    window_is(&map, PERDOMAIN_VA, 0x123000 | DATA);
    perdomain_free(&map);
    assert_int_equal(map.l3_pa, 0);
    perdomain_free(&map);
    perdomain_free(&other);
    assert_int_equal(page_free_count(), before);
}

/* An L3, an L2, an L1: each may be the one that there is no memory for. */
static void windows_without_memory(void **state)
{
    (void)state;
    for (unsigned k = 1; k <= 3; k++) {
        struct perdomain_map map = { 0 };
        uint64_t before = page_free_count();

        boot_steps = 0;
        boot_fail_at = k;
        assert_int_equal(perdomain_set(&map, PERDOMAIN_VA, 0x123000 | DATA), -ENOMEM);
        assert_int_equal(boot_steps, k);
        if (k > 1)
            window_is(&map, PERDOMAIN_VA, 0);
        assert_int_equal(page_free_count(), before - (k - 1));
        boot_fail_at = 0;
        assert_int_equal(perdomain_set(&map, PERDOMAIN_VA, 0x123000 | DATA), 0);
        window_is(&map, PERDOMAIN_VA, 0x123000 | DATA);
        assert_int_equal(page_free_count(), before - 3);
        perdomain_free(&map);
        assert_int_equal(page_free_count(), before);
    }
}

/* Where nothing is mapped nothing has to be made to unmap it. */
static void windows_unmapped(void **state)
{
    struct perdomain_map map = { 0 };
    uint64_t before = page_free_count();

    (void)state;
    assert_int_equal(perdomain_set(&map, PERDOMAIN_VA, 0), 0);
    assert_int_equal(map.l3_pa, 0);
    assert_int_equal(boot_steps, 0);
    assert_int_equal(perdomain_set(&map, PERDOMAIN_VA, 0x123000 | DATA), 0);
    boot_steps = 0;
    assert_int_equal(perdomain_set(&map, PERDOMAIN_VA + BIG, 0), 0);
    assert_int_equal(boot_steps, 0);
    assert_int_equal(page_free_count(), before - 3);
    perdomain_free(&map);
    assert_int_equal(page_free_count(), before);
}

/* ---- stacks ---- */

static void stack_check(uint64_t top)
{
    uint64_t a = idle_entry(top - PAGES(1)), b = idle_entry(top - PAGES(2));

    assert_int_equal(a & PTE_FLAGS_MASK, DATA);
    assert_int_equal(b & PTE_FLAGS_MASK, DATA);
    assert_int_not_equal(pte_mfn(a).n, pte_mfn(b).n);
    assert_int_equal(frame_owner(pte_mfn(a)), OWNER_HV);
    assert_int_equal(frame_owner(pte_mfn(b)), OWNER_HV);
    assert_int_equal(idle_entry(top - PAGES(3)), 0);
    assert_int_equal(idle_entry(top - PAGES(4)), 0);
    assert_int_equal(*(uint64_t *)frame_va(pte_mfn(a)), 0);
}

/* As many as there are places, one after the other, a guard below each; any place is used again. */
static void stacks(void **state)
{
    uint64_t top[STACKS], before = free_and_tables();

    (void)state;
    for (unsigned i = 0; i < STACKS; i++) {
        top[i] = hv_stack_alloc();
        assert_int_equal(top[i], HV_STACKS_VA + PAGES(4) * (i + 1));
    }
    for (unsigned i = 0; i < STACKS; i++)
        stack_check(top[i]);
    assert_int_equal(hv_stack_alloc(), 0);
    assert_int_equal(free_and_tables(), before - STACKS * STACK_PAGES);
    for (unsigned i = 0; i < STACKS; i += 7) {
        hv_stack_free(top[i]);
        assert_int_equal(boot_flushed, top[i] - PAGES(2));
        assert_int_equal(idle_entry(top[i] - PAGES(1)), 0);
        assert_int_equal(idle_entry(top[i] - PAGES(2)), 0);
        assert_int_equal(hv_stack_alloc(), top[i]);
        stack_check(top[i]);
    }
    for (unsigned i = 0; i < STACKS; i++)
        hv_stack_free(top[i]);
    assert_int_equal(free_and_tables(), before);
}

/* A page, an L2, an L1, the other page. The tables stay, and the place is free again. */
static void stacks_without_memory(void **state)
{
    uint64_t before = free_and_tables(), top;

    (void)state;
    for (unsigned k = 1; k <= 4; k++) {
        again_failing(k);
        assert_int_equal(hv_stack_alloc(), 0);
        assert_int_equal(boot_steps, k);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(idle_entry(HV_STACKS_VA + PAGES(i)), 0);
        assert_int_equal(free_and_tables(), before);
        boot_fail_at = 0;
        top = hv_stack_alloc();
        assert_int_equal(top, HV_STACKS_VA + PAGES(4));
        stack_check(top);
        hv_stack_free(top);
        assert_int_equal(free_and_tables(), before);
    }
}

static uint64_t others_stack;

static void other_allocates(void)
{
    unsigned steps = boot_steps, fail_at = boot_fail_at;

    boot_fail_at = 0;
    others_stack = hv_stack_alloc();
    boot_steps = steps;
    boot_fail_at = fail_at;
}

/* At whatever point of one that fails another CPU makes one, nobody else gets that one's place. */
static void stacks_of_two_cpus(void **state)
{
    uint64_t first, third, before;
    unsigned accesses;

    (void)state;
    hv_stack_free(hv_stack_alloc()); /* the tables are there */
    before = free_and_tables();
    boot_other = other_allocates;
    boot_accesses = 0;
    for (unsigned n = 0, more = 1; more; n++) {
        boot_steps = boot_accesses = 0;
        boot_fail_at = 2;
        boot_other_at = n;
        others_stack = 0;
        first = hv_stack_alloc();
        accesses = boot_accesses;
        assert_int_equal(first, 0);
        boot_fail_at = boot_other_at = 0;
        more = !n || others_stack;
        if (!others_stack)
            continue;
        third = hv_stack_alloc();
        assert_int_not_equal(others_stack, third);
        stack_check(others_stack);
        stack_check(third);
        hv_stack_free(others_stack);
        hv_stack_free(third);
        assert_int_equal(free_and_tables(), before);
    }
    assert_true(accesses > 4);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(slots),
        T(entries),
        T(device_registers),
        T(pages_written),
        T(windows),
        T(windows_without_memory),
        T(windows_unmapped),
        T(stacks),
        T(stacks_without_memory),
        T(stacks_of_two_cpus),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
