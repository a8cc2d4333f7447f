/* SPDX-License-Identifier: MIT */
/*
 * Segment descriptors (hazard D1): every type and attribute word through the one check, and pages that
 * become descriptor pages: what they must not hold, what is changed in them, what excludes what.
 */
#include "machine.h"

#include "mm/refusal.h"
#include "pt/descriptor.h"

#define CODE64 0x00209a0000000000ull /* present, DPL 0, long mode */
#define TSS64  0x0000890000000067ull
#define NOBODY 0x0000010000000000ull /* not present TSS */

static uint64_t descriptor(unsigned attributes, uint64_t rest)
{
    return (uint64_t)(attributes & 0xff) << 40 | (uint64_t)(attributes >> 8 & 0xf) << 52 |
           (rest & ~(0xffull << 40 | 0xfull << 52));
}

/* The rule as the ABI gives it, written a second time. */
static int expected(uint64_t d, uint64_t *stored)
{
    unsigned type = d >> 40 & 0xf, selector = d >> 16 & 0xffff;
    bool present = d >> 47 & 1, code_or_data = d >> 44 & 1;

    *stored = d;
    if (!present)
        return 0;
    if (code_or_data)
        *stored = d | 0x3ull << 45;
    if (code_or_data || type == 0)
        return 0;
    if (type != 12 || (d >> 32 & 0xff))
        return -EINVAL;
    if (selector / 8 >= 7168 && selector != 0xe033 && !(selector & 4))
        return -EINVAL;
    *stored = (d & ~(0x3ull << 45)) | 0x3ull << 16;
    return 0;
}

static void check_one(uint64_t d)
{
    uint64_t stored, got = d;
    int rc = expected(d, &stored);

    refusal_clear();
    assert_int_equal(descriptor_check(&got), rc);
    if (!rc)
        assert_int_equal(got, stored);
    /* Whatever is present and not refused cannot be used in ring 0. */
    if (!rc && (got & DESC_P) && (got & DESC_S))
        assert_int_equal(got >> DESC_DPL_SHIFT & 3, 3);
    refusal_clear();
}

static void all_attributes(void **state)
{
    static const uint64_t rest[] = { 0,
                                     ~0ull,
                                     0x000f00000000ffff,
                                     0x00cf0000e033ffff,
                                     0x00000000dff80000,
                                     0x00000001e0330000,
                                     0xffffffffe0080000 };

    (void)state;
    for (unsigned i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
        for (unsigned attributes = 0; attributes < 0x1000; attributes++)
            check_one(descriptor(attributes, rest[i]));
}

/* Call gates: to every selector. The hypervisor's own are out of reach. */
static void call_gate_selectors(void **state)
{
    (void)state;
    for (uint64_t selector = 0; selector < 0x10000; selector++)
        check_one(0x00008c0000001234 | selector << 16);
}

static void accepted_twice_is_the_same(void **state)
{
    uint64_t d = CODE64, once;

    (void)state;
    assert_int_equal(descriptor_check(&d), 0);
    once = d;
    assert_int_equal(descriptor_check(&d), 0);
    assert_int_equal(d, once);
    assert_int_equal(d, CODE64 | DESC_DPL_MASK);
}

static void page_is_checked_and_raised(void **state)
{
    mfn_t mfn = machine_page(&machine_guest);

    (void)state;
    machine_poke(mfn, 0, CODE64);
    machine_poke(mfn, 1, NOBODY);
    machine_poke(mfn, PT_ENTRIES - 1, CODE64);
    assert_int_equal(page_get_typed(mfn, machine_guest.id, PT_SEG), 0);
    machine_hold(mfn, PT_SEG);
    assert_int_equal(machine_peek(mfn, 0), CODE64 | DESC_DPL_MASK);
    assert_int_equal(machine_peek(mfn, 1), NOBODY);
    assert_int_equal(machine_peek(mfn, PT_ENTRIES - 1), CODE64 | DESC_DPL_MASK);
    machine_check("descriptor page");
    machine_unhold(mfn, PT_SEG);
}

/* The auditor's rules, written a second time, accept what these do: type 0, a gate into the LDT. */
static void auditor_agrees(void **state)
{
    static const uint64_t kept[] = { 0xf5df80db31fad35b, 0x000000000000ffff | DESC_P,
                                     0x00008c0000071234, 0x0000ec00e0331234 };

    (void)state;
    for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        mfn_t mfn = machine_page(&machine_guest);

        machine_poke(mfn, 0, kept[i]);
        assert_int_equal(page_get_typed(mfn, machine_guest.id, PT_SEG), 0);
        machine_hold(mfn, PT_SEG);
        machine_check("descriptor that is neither code nor data");
        machine_unhold(mfn, PT_SEG);
    }
}

/* One bad descriptor in any place: the page keeps no type, the reason names frame and slot. */
static void page_with_a_bad_one(void **state)
{
    static const unsigned slots[] = { 0, 1, PT_ENTRIES / 2, PT_ENTRIES - 1 };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        mfn_t mfn = machine_page(&machine_guest);

        machine_poke(mfn, slots[i], TSS64);
        refusal_clear();
        assert_int_equal(page_get_typed(mfn, machine_guest.id, PT_SEG), -EINVAL);
        assert_int_equal(this_cpu()->refusal.mfn, mfn.n);
        assert_int_equal(this_cpu()->refusal.slot, slots[i]);
        assert_string_equal(this_cpu()->refusal.rule, "system-descriptor");
        refusal_clear();
        assert_int_equal(frame_type_refs(mfn), 0);
        assert_int_equal(frame_refs(mfn), 1);
        machine_poke(mfn, slots[i], 0); /* it can be written again */
        machine_check("refused descriptor page");
    }
}

static void descriptors_and_writing_exclude_each_other(void **state)
{
    mfn_t mfn = machine_page(&machine_guest);

    (void)state;
    assert_int_equal(page_get_typed(mfn, machine_guest.id, PT_WRITABLE), 0);
    machine_hold(mfn, PT_WRITABLE);
    assert_int_equal(page_get_typed(mfn, machine_guest.id, PT_SEG), -EINVAL);
    machine_check("descriptors over writable");
    machine_unhold(mfn, PT_WRITABLE);
    assert_int_equal(page_get_typed(mfn, machine_guest.id, PT_SEG), 0);
    machine_hold(mfn, PT_SEG);
    assert_int_equal(page_get_typed(mfn, machine_guest.id, PT_WRITABLE), -EINVAL);
    assert_int_equal(page_get_typed(mfn, machine_guest.id, PT_L1), -EINVAL);
    assert_int_equal(page_get_typed(mfn, machine_control.id, PT_SEG), -EINVAL);
    assert_int_equal(page_get_typed(mfn, machine_guest.id, PT_SEG), 0); /* twice is fine */
    machine_hold(mfn, PT_SEG);
    machine_unhold(mfn, PT_SEG);
    machine_unhold(mfn, PT_SEG);
    machine_check("descriptors given back");
}

#define test(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(all_attributes),
        test(call_gate_selectors),
        test(accepted_twice_is_the_same),
        test(page_is_checked_and_raised),
        test(auditor_agrees),
        test(page_with_a_bad_one),
        test(descriptors_and_writing_exclude_each_other),
    };

    return cmocka_run_group_tests_name("descriptor", tests, 0, 0);
}
