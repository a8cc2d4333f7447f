/* SPDX-License-Identifier: MIT */
/*
 * What the boot loader says, in both protocols: right information is read right, and wrong
 * information (cut off, out of reach, random) is refused or left out, without one byte read outside
 * of the memory there is: that memory is a buffer of exactly its size, under the address sanitizer.
 */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#include "boot/multiboot.h"

#define MEMORY      0x8000u
#define MB1_MAGIC   0x2badb002u
#define MB2_MAGIC   0x36d76289u
#define INFO_PA     0x1000u
#define FUZZ_ROUNDS 50000u

static struct boot_info info;

static int setup(void **state)
{
    (void)state;
    machine_memory = calloc(1, MEMORY);
    memset(&info, 0, sizeof(info));
    return machine_memory ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(machine_memory);
    machine_memory = 0;
    return 0;
}

static void put(uint32_t pa, uint64_t value, size_t bytes)
{
    assert_true(pa + bytes <= MEMORY);
    memcpy(machine_memory + pa, &value, bytes);
}

static void put_text(uint32_t pa, const char *text)
{
    assert_true(pa + strlen(text) + 1 <= MEMORY);
    memcpy(machine_memory + pa, text, strlen(text) + 1);
}

/* ---- Multiboot 1 ---- */

static void mb1_range(unsigned i, uint64_t base, uint64_t length, uint32_t type)
{
    uint32_t at = 0x2000 + i * 24;

    put(at, 20, 4);
    put(at + 4, base, 8);
    put(at + 12, length, 8);
    put(at + 20, type, 4);
}

static void mb1_begin(uint32_t flags, unsigned ranges)
{
    put(INFO_PA, flags, 4);
    put(INFO_PA + 16, 0x3000, 4); /* cmdline */
    put(INFO_PA + 20, 2, 4);      /* modules */
    put(INFO_PA + 24, 0x3800, 4);
    put(INFO_PA + 44, ranges * 24, 4);
    put(INFO_PA + 48, 0x2000, 4);
    put(INFO_PA + 64, 0x3400, 4); /* loader's name */
    put_text(0x3400, "qemu");
}

static const char *mb1(void)
{
    return multiboot_read(&info, MB1_MAGIC, INFO_PA, MEMORY);
}

static void mb1_is_read(void **state)
{
    (void)state;
    mb1_begin(1u << 2 | 1u << 3 | 1u << 6 | 1u << 9, 3);
    put_text(0x3000, "pinion.elf com1=115200,8n1 noreboot");
    mb1_range(0, 0x100000, 0x7f00000, 1);
    mb1_range(1, 0, 0x9fc00, 1);
    mb1_range(2, 0x9fc00, 0x400, 2);
    put(0x3800, 0x300000, 4);
    put(0x3804, 0x312345, 4);
    put(0x3808, 0x3500, 4);
    put_text(0x3500, "guest.elf scenarios=all");
    put(0x3810, 0x313000, 4);
    put(0x3814, 0x313000, 4);
    put(0x3818, 0x3600, 4);
    assert_null(mb1());
    assert_string_equal(info.loader, "qemu");
    assert_string_equal(info.cmdline, "com1=115200,8n1 noreboot");
    assert_int_equal(info.ram.count, 2);
    assert_int_equal(info.ram.at[0].end, 0x9f000);
    assert_int_equal(info.ram.at[1].start, 0x100000);
    assert_int_equal(info.ram.at[1].end, 0x8000000);
    assert_int_equal(info.modules, 2);
    assert_int_equal(info.module[0].bytes, 0x12345);
    assert_string_equal(info.module[0].string, "guest.elf scenarios=all");
    assert_int_equal(info.module[1].bytes, 0);
    assert_string_equal(info.module[1].string, "");
    assert_false(info.truncated);
    /* Copies: what the loader's memory becomes does not matter. */
    memset(machine_memory, 0x5a, MEMORY);
    assert_string_equal(info.module[0].string, "guest.elf scenarios=all");
}

static void mb1_reserved_is_not_ram(void **state)
{
    (void)state;
    mb1_begin(1u << 6, 4);
    mb1_range(0, 0x300000, 0x1800, 2); /* in the middle, and listed before the RAM around it */
    mb1_range(1, 0x100000, 0x400000, 1);
    mb1_range(2, 0x500000, 0x1000, 1);      /* touches */
    mb1_range(3, ~0ull - 0xfff, 0x2000, 3); /* wraps */
    assert_null(mb1());
    assert_int_equal(info.ram.count, 2);
    assert_int_equal(info.ram.at[0].end, 0x300000);
    assert_int_equal(info.ram.at[1].start, 0x302000);
    assert_int_equal(info.ram.at[1].end, 0x501000);
    assert_true(mem_ranges_hold(&info.ram, 0x302000, 0x501000));
    assert_false(mem_ranges_hold(&info.ram, 0x2ff000, 0x303000));
}

static void mb1_refusals(void **state)
{
    (void)state;
    assert_non_null(multiboot_read(&info, 0, INFO_PA, MEMORY));
    assert_non_null(multiboot_read(&info, MB1_MAGIC, MEMORY - 8, MEMORY));
    mb1_begin(1u << 3, 0);
    assert_non_null(mb1()); /* no map */
    mb1_begin(1u << 6, 1);
    mb1_range(0, 0x100000, 0x400000, 2);
    assert_non_null(mb1()); /* no RAM in it */
    mb1_begin(1u << 3 | 1u << 6, 1);
    mb1_range(0, 0x100000, 0x400000, 1);
    put(0x3800, 0x200000, 4);
    put(0x3804, 0x1fffff, 4);
    assert_non_null(mb1()); /* a module that ends before it starts */
}

static void mb1_out_of_reach_is_left_out(void **state)
{
    (void)state;
    mb1_begin(1u << 2 | 1u << 3 | 1u << 6 | 1u << 9, 1);
    mb1_range(0, 0x100000, 0x400000, 1);
    put(INFO_PA + 16, MEMORY + 5, 4);
    put(INFO_PA + 24, MEMORY - 8, 4);
    put(INFO_PA + 64, MEMORY - 1, 4);
    put(MEMORY - 1, 'x', 1); /* a name without an end */
    assert_null(mb1());
    assert_string_equal(info.cmdline, "");
    assert_string_equal(info.loader, "x");
    assert_int_equal(info.modules, 0);
}

static void mb1_too_many_modules(void **state)
{
    (void)state;
    mb1_begin(1u << 3 | 1u << 6, 1);
    mb1_range(0, 0x100000, 0x400000, 1);
    put(INFO_PA + 20, BOOT_MODULES_MAX + 1, 4);
    assert_null(mb1());
    assert_int_equal(info.modules, BOOT_MODULES_MAX);
    assert_true(info.truncated);
}

/* ---- Multiboot 2 ---- */

static uint32_t tag_begin(uint32_t at, uint32_t type, uint32_t size)
{
    put(at, type, 4);
    put(at + 4, size, 4);
    return at + ((size + 7) & ~7u);
}

static uint32_t mb2_fill(void)
{
    uint32_t at = INFO_PA + 8, tag = at;

    at = tag_begin(tag, 1, 8 + 9);
    put_text(tag + 8, "noreboot");
    at = tag_begin(tag = at, 3, 16 + 10);
    put(tag + 8, 0x300000, 4);
    put(tag + 12, 0x300800, 4);
    put_text(tag + 16, "guest.elf");
    at = tag_begin(tag = at, 6, 16 + 2 * 24);
    put(tag + 8, 24, 4);
    put(tag + 16, 0x100000, 8);
    put(tag + 24, 0x700000, 8);
    put(tag + 32, 1, 4);
    put(tag + 40, 0x100000000, 8);
    put(tag + 48, 0x40000000, 8);
    put(tag + 56, 1, 4);
    at = tag_begin(at, 0, 8);
    put(INFO_PA, at - INFO_PA, 4);
    return at;
}

static void mb2_is_read(void **state)
{
    (void)state;
    mb2_fill();
    assert_null(multiboot_read(&info, MB2_MAGIC, INFO_PA, MEMORY));
    assert_string_equal(info.cmdline, "noreboot");
    assert_string_equal(info.loader, "");
    assert_int_equal(info.modules, 1);
    assert_int_equal(info.module[0].pa, 0x300000);
    assert_string_equal(info.module[0].string, "guest.elf");
    assert_int_equal(info.ram.count, 2);
    assert_int_equal(mem_ranges_bytes(&info.ram), 0x40700000);
}

/* Cut anywhere: an error, or less than the whole, never a byte too far. */
static void mb2_cut_anywhere(void **state)
{
    uint32_t size;

    (void)state;
    size = mb2_fill() - INFO_PA;
    for (uint32_t cut = 0; cut < size; cut++) {
        memset(&info, 0, sizeof(info));
        put(INFO_PA, cut, 4);
        if (!multiboot_read(&info, MB2_MAGIC, INFO_PA, MEMORY))
            assert_int_equal(cut & ~7u, size - 8);
    }
    put(INFO_PA, MEMORY, 4); /* runs on beyond the memory there is */
    assert_non_null(multiboot_read(&info, MB2_MAGIC, INFO_PA, MEMORY));
    assert_non_null(multiboot_read(&info, MB2_MAGIC, INFO_PA + 4, MEMORY));
}

static void info_is_sane(void)
{
    assert_true(info.modules <= BOOT_MODULES_MAX && info.strings_used <= BOOT_STRINGS_MAX);
    assert_true(strlen(info.cmdline) < BOOT_STRINGS_MAX);
    for (unsigned i = 0; i < info.modules; i++)
        assert_true(strlen(info.module[i].string) < BOOT_STRINGS_MAX);
    for (unsigned i = 0; i < info.ram.count; i++) {
        assert_true(info.ram.at[i].start < info.ram.at[i].end);
        assert_false(info.ram.at[i].start % PAGE_SIZE || info.ram.at[i].end % PAGE_SIZE);
        assert_true(!i || info.ram.at[i - 1].end < info.ram.at[i].start);
    }
}

/* Random changes of right information, in either protocol. */
static void changed_at_random(void **state)
{
    uint32_t end;

    (void)state;
    srand(1);
    for (unsigned round = 0; round < FUZZ_ROUNDS; round++) {
        bool second = round & 1;

        memset(&info, 0, sizeof(info));
        memset(machine_memory, 0, MEMORY);
        mb1_begin(1u << 2 | 1u << 3 | 1u << 6 | 1u << 9, 3);
        mb1_range(0, 0x100000, 0x400000, 1);
        end = second ? mb2_fill() : 0x4000;
        for (int n = rand() % 8; n >= 0; n--) {
            uint32_t at = INFO_PA + (uint32_t)rand() % (end - INFO_PA);

            machine_memory[at] = (uint8_t)rand();
        }
        (void)multiboot_read(&info, second ? MB2_MAGIC : MB1_MAGIC, INFO_PA, MEMORY);
        info_is_sane();
    }
}

/* ---- sets of ranges ---- */

static void ranges_take_and_cut(void **state)
{
    struct mem_ranges r = { 0 };

    (void)state;
    mem_ranges_add(&r, 0x1000, 0x5000);
    mem_ranges_add(&r, 0x8000, 0x600000);
    mem_ranges_cut(&r, 0x2000, 0x3000);
    assert_int_equal(r.count, 3);
    assert_int_equal(mem_ranges_take(&r, 0x1000, 0x1000, ~0ull), 0x1000);
    assert_int_equal(mem_ranges_take(&r, 0x200000, 0x200000, ~0ull), 0x200000);
    assert_int_equal(mem_ranges_take(&r, 0x200000, 0x200000, 0x500000), 0);
    assert_int_equal(mem_ranges_take(&r, 0x200000, 0x200000, 0x600000), 0x400000);
    assert_int_equal(mem_ranges_bytes(&r), 0x2000 + 0x1f8000);
    mem_ranges_cut(&r, 0, ~0ull);
    assert_int_equal(r.count, 0);
    assert_int_equal(mem_ranges_take(&r, 1, 1, ~0ull), 0);
}

static void ranges_full_set_leaves_out(void **state)
{
    struct mem_ranges r = { 0 };

    (void)state;
    for (uint64_t i = 1; i <= MEM_RANGES_MAX + 3; i++)
        mem_ranges_add(&r, i * 0x2000, i * 0x2000 + 0x1000);
    assert_int_equal(r.count, MEM_RANGES_MAX);
    assert_true(r.truncated);
    mem_ranges_add(&r, 0, 0x10000000); /* merging makes room */
    assert_int_equal(r.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mb1_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(mb1_reserved_is_not_ram, setup, teardown),
        cmocka_unit_test_setup_teardown(mb1_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(mb1_out_of_reach_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(mb1_too_many_modules, setup, teardown),
        cmocka_unit_test_setup_teardown(mb2_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(mb2_cut_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(changed_at_random, setup, teardown),
        cmocka_unit_test(ranges_take_and_cut),
        cmocka_unit_test(ranges_full_set_leaves_out),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
