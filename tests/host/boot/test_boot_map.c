/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's map as it is made at boot, walked entry by entry: all that memory-map.md names is
 * in it, with its rights and in pages of the size that fits, and nothing else; each page that it took
 * has one use. The frame table says whose each frame is. Whichever allocation fails, the boot is told
 * and nothing was loaded.
 */
#include "boot.h"

#include <string.h>

#include "mm/page_alloc.h"

#define FRAMES       (BOOT_MEMORY / PAGE_SIZE)
#define READ_ONLY    (PTE_P | PTE_A | PTE_NX)
#define DATA         (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)
#define CONSTANT_END (HV_IMAGE_PA + (BOOT_RODATA_END - HV_IMAGE_VA))

static const struct mem_range ragged[] = {
    { 0x1000, 0x80000 },
    { MIB, 5 * MIB + PAGES(3) },
    { 6 * MIB + PAGES(1), 10 * MIB - PAGES(1) },
    { 12 * MIB, 14 * MIB },
    { 15 * MIB + PAGES(1), 15 * MIB + PAGES(2) },
    { 17 * MIB, 19 * MIB },
    { 20 * MIB, 28 * MIB + PAGES(1) },
};
static const struct mem_range whole[] = { { 0, 32 * MIB } };
static const struct mem_range one_gib[] = { { 0, 0xa0000 }, { MIB, GIB } };
static const struct mem_range sparse[] = { { MIB, 16 * MIB }, { GIB - MIB, GIB } };
static const struct mem_range high[] = { { 0, 0x9f000 },
                                         { MIB, 3 * GIB - PAGES(33) },
                                         { 4 * GIB, 5 * GIB + PAGES(3) } };
static const struct mem_range little[] = { { 0, 0x9f000 }, { MIB, 15 * MIB + PAGES(5) } };

#define BEGIN(ranges) boot_begin(ranges, sizeof(ranges) / sizeof((ranges)[0]))

static struct mem_ranges free_before;
static uint8_t uses[FRAMES]; /* of each frame, by the map itself */
static uint64_t pages_used;
static uint64_t bytes_ro, bytes_rw, bytes_frames, bytes_direct, bytes_text, bytes_const, bytes_data;

/* ---- the map ---- */

static bool within(uint64_t va, uint64_t start, uint64_t bytes)
{
    return va - start < bytes;
}

static uint64_t pages_of(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) & PAGE_MASK;
}

static void used(uint64_t pa, uint64_t bytes)
{
    assert_true(mem_ranges_hold(&free_before, pa, pa + bytes));
    for (uint64_t n = pa / PAGE_SIZE; n < (pa + bytes) / PAGE_SIZE; n++) {
        assert_int_equal(uses[n]++, 0);
        pages_used++;
    }
}

/* A page of a table of so many bytes: as large as what is left of it allows. */
static void table_leaf(uint64_t at, uint64_t bytes, unsigned level)
{
    assert_int_equal(level, !hv_map_small && (at | (BIG - 1)) < bytes ? 2 : 1);
}

static void image_leaf(uint64_t va, uint64_t entry)
{
    uint64_t rights = DATA, *sum = &bytes_data;

    if (va < BOOT_TEXT_END) {
        rights = PTE_P | PTE_A;
        sum = &bytes_text;
    } else if (va < BOOT_RODATA_END) {
        rights = READ_ONLY;
        sum = &bytes_const;
    }
    assert_true(va < BOOT_GUARD || va >= BOOT_GUARD + PAGE_SIZE);
    assert_int_equal(entry, (va - HV_IMAGE_VA + HV_IMAGE_PA) | rights);
    *sum += PAGE_SIZE;
}

static void direct_leaf(uint64_t pa, unsigned level, uint64_t entry)
{
    const uint64_t bytes = level == 2 ? BIG : PAGE_SIZE, large = pa & ~(BIG - 1);
    bool fits = !hv_map_small && large != HV_IMAGE_PA &&
                mem_ranges_hold(&boot_ram, large, large + BIG);

    assert_true(mem_ranges_hold(&boot_ram, pa, pa + bytes));
    assert_int_equal(level, fits ? 2 : 1);
    assert_int_equal(entry & PTE_ADDR_MASK, pa);
    assert_int_equal(entry & PTE_FLAGS_MASK & ~PTE_PS,
                     within(pa, HV_IMAGE_PA, CONSTANT_END - HV_IMAGE_PA) ? READ_ONLY : DATA);
    bytes_direct += bytes;
}

static void entry_check(uint64_t va, unsigned level, uint64_t entry, bool leaf)
{
    const uint64_t m2p = pages_of(frame_limit * 8), frames = pages_of(frame_limit * 16);
    const uint64_t bytes = level == 2 ? BIG : PAGE_SIZE, pa = entry & PTE_ADDR_MASK;
    bool guests = within(va, M2P_RO_VA, M2P_RO_END - M2P_RO_VA);

    if (!leaf) {
        assert_int_equal(entry & PTE_FLAGS_MASK, PTE_P | PTE_A | (guests ? PTE_U : PTE_RW));
        assert_true(pa < 4 * GIB);
        used(pa, PAGE_SIZE);
        return;
    }
    assert_int_equal(!!(entry & PTE_PS), level == 2);
    assert_true(level <= 2);
    if (within(va, M2P_RO_VA, m2p)) {
        assert_int_equal(entry & PTE_FLAGS_MASK & ~PTE_PS, PTE_P | PTE_U | PTE_A | PTE_NX);
        assert_int_equal(pa, boot_entry(idle_root_pa, 4, va - M2P_RO_VA + M2P_RW_VA, level) &
                                 PTE_ADDR_MASK);
        table_leaf(va - M2P_RO_VA, m2p, level);
        bytes_ro += bytes;
    } else if (within(va, M2P_RW_VA, m2p)) {
        assert_int_equal(entry & PTE_FLAGS_MASK & ~PTE_PS, DATA);
        table_leaf(va - M2P_RW_VA, m2p, level);
        bytes_rw += bytes;
        used(pa, bytes);
    } else if (within(va, FRAME_TABLE_VA, frames)) {
        assert_int_equal(entry & PTE_FLAGS_MASK & ~PTE_PS, DATA);
        table_leaf(va - FRAME_TABLE_VA, frames, level);
        bytes_frames += bytes;
        used(pa, bytes);
    } else if (within(va, HV_IMAGE_VA, BOOT_TABLES - HV_IMAGE_VA)) {
        image_leaf(va, entry);
    } else {
        assert_true(within(va, DIRECTMAP_VA, frame_limit * PAGE_SIZE));
        direct_leaf(va - DIRECTMAP_VA, level, entry);
    }
}

static void map_check(void)
{
    const uint64_t m2p = pages_of(frame_limit * 8), frames = pages_of(frame_limit * 16);

    memset(uses, 0, sizeof(uses));
    pages_used = bytes_ro = bytes_rw = bytes_frames = bytes_direct = 0;
    bytes_text = bytes_const = bytes_data = 0;
    used(idle_root_pa, PAGE_SIZE);
    boot_walk(idle_root_pa, 4, entry_check);
    assert_int_equal(bytes_ro, m2p);
    assert_int_equal(bytes_rw, m2p);
    assert_int_equal(bytes_frames, frames);
    assert_int_equal(bytes_direct, mem_ranges_bytes(&boot_ram));
    assert_int_equal(bytes_text, BOOT_TEXT_END - HV_IMAGE_VA);
    assert_int_equal(bytes_const, BOOT_RODATA_END - BOOT_TEXT_END);
    assert_int_equal(bytes_data, BOOT_TABLES - BOOT_RODATA_END - PAGE_SIZE);
    /* What was taken is in use, and what is free is not. */
    assert_int_equal(mem_ranges_bytes(&free_before) - mem_ranges_bytes(&boot_free),
                     pages_used * PAGE_SIZE);
    for (unsigned i = 0; i < boot_free.count; i++)
        for (uint64_t pa = boot_free.at[i].start; pa < boot_free.at[i].end; pa += PAGE_SIZE)
            assert_int_equal(uses[pa / PAGE_SIZE], 0);
}

/* ---- the tables ---- */

static struct frame frame_wanted(uint64_t pa)
{
    uint64_t owner = OWNER_IO;

    if (mem_ranges_hold(&boot_firmware, pa, pa + PAGE_SIZE)) {
        owner = pa >= 0xe0000 ? OWNER_BIOS : within(pa, 0xa0000, 0x20000) ? OWNER_VGA : OWNER_ROM;
        return (struct frame){ owner << 32 | (owner == OWNER_BIOS ? 0 : FRAME_ALLOCATED | 1), 0 };
    }
    if (mem_ranges_hold(&boot_free, pa, pa + PAGE_SIZE))
        owner = OWNER_NONE;
    else if (mem_ranges_hold(&boot_ram, pa, pa + PAGE_SIZE))
        owner = OWNER_HV;
    return (struct frame){ owner << 32, 0 };
}

static void frames_check(void)
{
    const struct mem_range *last = &boot_ram.at[boot_ram.count - 1];
    uint64_t pages = 0;

    for (unsigned i = 0; i < boot_ram.count; i++)
        pages += (boot_ram.at[i].end - boot_ram.at[i].start) / PAGE_SIZE;
    assert_int_equal(frame_limit, last->end / PAGE_SIZE);
    assert_int_equal(frame_ram_pages, pages);
    for (uint64_t n = 0; n < frame_limit; n++) {
        struct frame want = frame_wanted(n * PAGE_SIZE);

        if (frame_table[n].ref != want.ref || frame_table[n].type != want.type)
            fail_msg("frame %lx: %lx %lx", n, frame_table[n].ref, frame_table[n].type);
        if (m2p_table[n] != M2P_INVALID)
            fail_msg("M2P of frame %lx: %lx", n, m2p_table[n]);
    }
    if (frame_limit * sizeof(struct frame) % PAGE_SIZE)
        assert_int_equal(frame_table[frame_limit].ref, GARBAGE);
}

static bool build(void)
{
    free_before = boot_free;
    return boot_map_build(&boot_ram, &boot_firmware, &boot_free);
}

static void build_and_check(void)
{
    assert_true(build());
    assert_int_equal(boot_loads, 1);
    assert_ptr_equal(hv_map_table_source, 0);
    map_check();
    frames_check();
}

/* ---- machines ---- */

static int teardown(void **state)
{
    (void)state;
    boot_end();
    return 0;
}

static void ragged_ranges(void **state)
{
    (void)state;
    BEGIN(ragged);
    build_and_check();
}

/* Modules: one where no loader puts any, in the first MiB, one at the start of a range, one at an end. */
static void modules_are_kept(void **state)
{
    (void)state;
    BEGIN(ragged);
    mem_ranges_cut(&boot_firmware, 0x20000, 0x23000);
    mem_ranges_cut(&boot_free, MIB, MIB + PAGES(2));
    mem_ranges_cut(&boot_free, 17 * MIB, 19 * MIB);
    mem_ranges_cut(&boot_free, 24 * MIB, 24 * MIB + PAGES(7));
    mem_ranges_cut(&boot_free, 28 * MIB, 28 * MIB + PAGES(1));
    build_and_check();
}

static void small_pages(void **state)
{
    (void)state;
    hv_map_small = true;
    BEGIN(ragged);
    build_and_check();
    BEGIN(sparse);
    build_and_check();
}

static void from_address_0(void **state)
{
    (void)state;
    BEGIN(whole);
    build_and_check();
}

static void tables_of_whole_large_pages(void **state)
{
    (void)state;
    BEGIN(one_gib);
    build_and_check();
}

static void above_4_gib(void **state)
{
    (void)state;
    BEGIN(high);
    build_and_check();
}

/* ---- want of memory ---- */

/* Told of it, with nothing loaded: a write to the frame table would be a fault. */
static void build_fails(void)
{
    assert_false(build());
    assert_int_equal(boot_loads, 0);
    assert_ptr_equal(hv_map_table_source, 0);
}

static void each_allocation_fails(void **state)
{
    unsigned steps;

    (void)state;
    BEGIN(little);
    build_and_check();
    steps = boot_steps;
    assert_true(steps > 20);
    for (unsigned k = 1; k <= steps; k++) {
        BEGIN(little);
        boot_fail_at = k;
        build_fails();
        assert_int_equal(boot_steps, k);
    }
}

/* With one page more each time: in the end there are as many as it needs, and none is left. */
static void just_enough(void **state)
{
    uint64_t need;

    (void)state;
    BEGIN(little);
    build_and_check();
    need = pages_used;
    for (uint64_t n = 0; n < need; n++) {
        BEGIN(little);
        mem_ranges_cut(&boot_free, 3 * MIB + n * PAGE_SIZE, BOOT_MEMORY);
        mem_ranges_cut(&boot_free, 0, 3 * MIB);
        build_fails();
    }
    BEGIN(little);
    mem_ranges_cut(&boot_free, 3 * MIB + need * PAGE_SIZE, BOOT_MEMORY);
    mem_ranges_cut(&boot_free, 0, 3 * MIB);
    build_and_check();
    assert_int_equal(boot_free.count, 0);
}

/* Page tables are made where the temporary map reaches, whatever is free above. */
static void tables_below_4_gib(void **state)
{
    uint64_t n = 0;
    bool good;

    (void)state;
    do {
        BEGIN(high);
        n++;
        mem_ranges_cut(&boot_free, 3 * MIB + n * PAGE_SIZE, 4 * GIB);
        mem_ranges_cut(&boot_free, 0, 3 * MIB);
        good = build();
        assert_int_equal(boot_loads, good);
    } while (!good);
    assert_true(n > 20);
    map_check();
    frames_check();
}

/* ---- what only the boot needed ---- */

static void released(uint64_t start, uint64_t end)
{
    for (uint64_t n = start / PAGE_SIZE; n < end / PAGE_SIZE; n++)
        if (!mfn_eq(mfn_of(n), firmware_blank))
            assert_int_equal(frame_owner(mfn_of(n)), OWNER_NONE);
}

static void memory_given_back(void **state)
{
    const struct mem_range image = boot_map_image();
    const uint64_t tables = HV_IMAGE_PA + (BOOT_TABLES - HV_IMAGE_VA);
    const uint64_t *blank;

    (void)state;
    assert_int_equal(image.start, HV_IMAGE_PA);
    assert_int_equal(image.end, HV_IMAGE_PA + (BOOT_IMAGE_END - HV_IMAGE_VA));
    BEGIN(ragged);
    mem_ranges_cut(&boot_free, 24 * MIB, 24 * MIB + PAGES(7));
    build_and_check();
    boot_map_finish();
    released(tables, image.end);
    assert_int_equal(page_free_count(), (image.end - tables) / PAGE_SIZE - 1);
    assert_true(within(firmware_blank.n * PAGE_SIZE, tables, image.end - tables));
    assert_int_equal(frame_of(firmware_blank)->ref,
                     (uint64_t)OWNER_ROM << 32 | FRAME_ALLOCATED | 1);
    blank = frame_va(firmware_blank);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        assert_int_equal(blank[i], 0);

    boot_map_release(24 * MIB, 24 * MIB + PAGES(7));
    released(24 * MIB, 24 * MIB + PAGES(7));
    assert_int_equal(page_free_count(), (image.end - tables) / PAGE_SIZE - 1 + 7);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
    const struct CMUnitTest tests[] = {
        T(ragged_ranges),
        T(modules_are_kept),
        T(small_pages),
        T(from_address_0),
        T(tables_of_whole_large_pages),
        T(above_4_gib),
        T(each_allocation_fails),
        T(just_enough),
        T(tables_below_4_gib),
        T(memory_given_back),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
