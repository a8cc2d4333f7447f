/* SPDX-License-Identifier: MIT */
/*
 * What changes of an entry do: to the accessed and dirty bits that the CPU sets meanwhile, to what was
 * there when it is compared, to the references of the frame. Which entries may be is test_entries's.
 */
#include "machine.h"

#include "pv/mmu_update.h"

#define KERNEL_RO (PTE_P | PTE_U | PTE_A | PTE_GUEST_KERNEL)

static void preserved_accessed_and_dirty(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++) {
        struct machine_tree t;
        mfn_t table;

        machine_begin(64);
        t = machine_tree(&machine_guest, LEAF_RW);
        table = t.l[level];
        op_first_root(t.l[4]);
        for (unsigned was = 0; was < 4; was++) {
            for (unsigned is = 0; is < 4; is++) {
                uint64_t ad[4] = { 0, PTE_A, PTE_D, PTE_A | PTE_D };
                uint64_t base = pte_make(t.l[level - 1], PTE_P | PTE_U | PTE_GUEST_KERNEL);
                uint64_t l4_a = level == 4 ? PTE_A : 0;

                assert_int_equal(op_update(table, GUEST_SLOT, base | ad[was]), 0);
                assert_int_equal(op_update_ad(table, GUEST_SLOT, base | ad[is] | PTE_NX), 0);
                assert_int_equal(machine_peek(table, GUEST_SLOT),
                                 base | ad[was] | ad[is] | PTE_NX | l4_a);
                assert_int_equal(op_update(table, GUEST_SLOT, base | ad[is]), 0);
                assert_int_equal(machine_peek(table, GUEST_SLOT), base | ad[is] | l4_a);
            }
        }
        machine_end();
    }
}

/* The CPU sets A and D in the middle of a change. */
static mfn_t raced_table;

static void cpu_sets_ad(void)
{
    ((uint64_t *)frame_va(raced_table))[GUEST_SLOT] |= PTE_A | PTE_D;
}

static void accessed_and_dirty_set_meanwhile(void **state)
{
    (void)state;
    struct machine_tree t = machine_tree(&machine_guest, LEAF_RW & ~(PTE_A | PTE_D));
    mfn_t other = machine_page(&machine_guest);
    uint64_t old, new = pte_make(other, KERNEL_RO & ~PTE_A);
    unsigned long steps;

    op_first_root(t.l[4]);
    raced_table = t.l[1];
    old = machine_peek(t.l[1], GUEST_SLOT);
    hooks_reset();
    assert_int_equal(op_update_ad(t.l[1], GUEST_SLOT, new), 0);
    steps = hooks.shared_accesses;
    for (unsigned long k = 1; k <= steps; k++) {
        assert_int_equal(op_update(t.l[1], GUEST_SLOT, old), 0);
        hooks_reset();
        hooks.interrupt = cpu_sets_ad;
        hooks.interrupt_at = k;
        assert_int_equal(op_update_ad(t.l[1], GUEST_SLOT, new), 0);
        assert_int_equal(machine_peek(t.l[1], GUEST_SLOT), new | PTE_A | PTE_D);
    }
    /* Compared: the value that the guest saw is not there any more, unless it came after. */
    for (unsigned long k = 1; k <= steps; k++) {
        long rc;

        hooks_reset();
        assert_int_equal(op_update(t.l[1], GUEST_SLOT, old), 0);
        hooks_reset();
        hooks.interrupt = cpu_sets_ad;
        hooks.interrupt_at = k;
        rc = l1_entry_update(t.l[1], GUEST_SLOT, old, new, true);
        machine_check("compare");
        if (rc)
            assert_int_equal(rc, -EBUSY);
        assert_int_equal(machine_peek(t.l[1], GUEST_SLOT) & ~(PTE_A | PTE_D), rc ? old : new);
    }
}

static void compare_that_fails(void **state)
{
    (void)state;
    struct machine_tree t = machine_tree(&machine_guest, LEAF_RW);
    uint64_t old, ro = pte_make(t.l[0], LEAF_RO);

    assert_int_equal(op_pin(t.l[1], 1), 0);
    old = machine_peek(t.l[1], GUEST_SLOT);
    assert_refused(-EBUSY, l1_entry_update(t.l[1], GUEST_SLOT, old ^ PTE_A, ro, true));
    assert_refused(-EBUSY, l1_entry_update(t.l[1], GUEST_SLOT, 0, 0, true));
    assert_refused(-EBUSY, l1_entry_update(t.l[1], 1, old, ro, true));
    assert_refused(-EINVAL, l1_entry_update(t.l[1], GUEST_SLOT, old, ro | PTE_PWT, true));
    assert_refused(-EINVAL, l1_entry_update(t.l[0], GUEST_SLOT, 0, 0, true));
    assert_refused(-EINVAL, l1_entry_update(t.l[2], GUEST_SLOT, 0, 0, true));
    assert_refused(-EINVAL, l1_entry_update(mfn_of(frame_limit), 0, 0, 0, true));
    assert_int_equal(l1_entry_update(t.l[1], GUEST_SLOT, old, ro, true), 0);
    machine_check("compare");
    assert_int_equal(machine_peek(t.l[1], GUEST_SLOT), ro);
}

/* RW is a reference at L1 and none above. */
static void writable_bit(void **state)
{
    (void)state;
    struct machine_tree t = machine_tree(&machine_guest, LEAF_RO);

    op_first_root(t.l[4]);
    assert_int_equal(frame_type_refs(t.l[0]), 0);
    assert_int_equal(op_update(t.l[1], GUEST_SLOT, pte_make(t.l[0], LEAF_RW)), 0);
    assert_int_equal(frame_type_refs(t.l[0]), 1);
    assert_int_equal(op_update(t.l[1], GUEST_SLOT, pte_make(t.l[0], LEAF_RW)), 0);
    assert_int_equal(frame_type_refs(t.l[0]), 1);
    assert_int_equal(op_update(t.l[1], 1, pte_make(t.l[0], LEAF_RW)), 0);
    assert_int_equal(frame_type_refs(t.l[0]), 2);
    for (unsigned level = 2; level <= 4; level++) {
        uint64_t entry = machine_peek(t.l[level], GUEST_SLOT);

        assert_int_equal(op_update(t.l[level], GUEST_SLOT, entry & ~PTE_RW), 0);
        assert_int_equal(frame_type_refs(t.l[level - 1]), 1);
        assert_int_equal(op_update(t.l[level], GUEST_SLOT, entry), 0);
    }
    assert_int_equal(op_update(t.l[1], GUEST_SLOT, pte_make(t.l[0], LEAF_RO)), 0);
    assert_int_equal(op_update(t.l[1], 1, 0), 0);
    assert_int_equal(frame_type_refs(t.l[0]), 0);
    assert_int_equal(frame_refs(t.l[0]), 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, machine_setup, machine_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preserved_accessed_and_dirty),
        T(accessed_and_dirty_set_meanwhile),
        T(compare_that_fails),
        T(writable_bit),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
