/* SPDX-License-Identifier: MIT */
/*
 * Page types and their counts: how a frame gets a type, what excludes what, pins, base pointers, and
 * the way back to plain memory. Each rule with what it allows and what it refuses.
 */
#include "machine.h"

#include "mm/tlb.h"
#include "pt/pin.h"

static void counts_are(mfn_t mfn, enum page_type type, unsigned types, unsigned refs)
{
    assert_int_equal(frame_type(mfn), type);
    assert_int_equal(frame_type_refs(mfn), types);
    assert_int_equal(frame_refs(mfn), refs);
}

static void pin_validates_the_whole_tree(void **state)
{
    (void)state;
    struct machine_tree t = machine_tree(&machine_guest, LEAF_RW);

    assert_int_equal(op_pin(t.l[4], 4), 0);
    counts_are(t.l[4], PT_L4, 1, 2);
    for (unsigned level = 1; level <= 3; level++)
        counts_are(t.l[level], level, 1, 2);
    counts_are(t.l[0], PT_WRITABLE, 1, 2);
    assert_int_equal(op_unpin(t.l[4]), 0);
    for (unsigned level = 0; level <= 4; level++) {
        assert_int_equal(frame_type_refs(t.l[level]), 0);
        assert_int_equal(frame_refs(t.l[level]), 1);
    }
}

static void each_level_can_be_pinned_alone(void **state)
{
    (void)state;
    struct machine_tree t = machine_tree(&machine_guest, LEAF_RO);

    for (unsigned level = 1; level <= 4; level++) {
        assert_int_equal(op_pin(t.l[level], level), 0);
        counts_are(t.l[level], level, 1, 2);
    }
    for (unsigned level = 1; level <= 4; level++)
        assert_int_equal(op_unpin(t.l[level]), 0);
    counts_are(t.l[0], PT_NONE, 0, 1);
}

static void pin_twice_and_unpin_twice(void **state)
{
    (void)state;
    struct machine_tree t = machine_tree(&machine_guest, LEAF_RW);

    for (unsigned level = 1; level <= 4; level++) {
        assert_refused(-EINVAL, op_unpin(t.l[level]));
        assert_int_equal(op_pin(t.l[level], level), 0);
        assert_refused(-EINVAL, op_pin(t.l[level], level));
        assert_int_equal(op_unpin(t.l[level]), 0);
        assert_refused(-EINVAL, op_unpin(t.l[level]));
    }
}

static void pin_at_a_wrong_level(void **state)
{
    (void)state;
    struct machine_tree t = machine_tree(&machine_guest, LEAF_RW);

    assert_int_equal(op_pin(t.l[4], 4), 0);
    for (unsigned is = 1; is <= 4; is++)
        for (unsigned want = 1; want <= 4; want++)
            if (want != is)
                assert_refused(-EINVAL, op_pin(t.l[is], want));
    for (unsigned want = 1; want <= 4; want++)
        assert_refused(-EINVAL, op_pin(t.l[0], want));
}

static void writable_excludes_tables(void **state)
{
    (void)state;
    struct machine_tree t = machine_tree(&machine_guest, LEAF_RW);
    mfn_t table = machine_page(&machine_guest);

    assert_int_equal(op_pin(t.l[1], 1), 0);
    /* Mapped writable: no table. */
    for (unsigned level = 1; level <= 4; level++)
        assert_refused(-EINVAL, op_pin(t.l[0], level));
    /* A table: not mapped writable; read-only is no conflict. */
    for (unsigned level = 1; level <= 4; level++) {
        assert_int_equal(op_pin(table, level), 0);
        assert_refused(-EBUSY, op_update(t.l[1], 1, pte_make(table, LEAF_RW)));
        assert_int_equal(op_update(t.l[1], 1, pte_make(table, LEAF_RO)), 0);
        assert_refused(-EBUSY, op_update(t.l[1], 1, pte_make(table, LEAF_RW)));
        assert_int_equal(op_unpin(table), 0);
        assert_int_equal(op_update(t.l[1], 1, pte_make(table, LEAF_RW)), 0);
        assert_refused(-EINVAL, op_pin(table, level));
        assert_int_equal(op_update(t.l[1], 1, 0), 0);
    }
}

static void a_table_cannot_map_itself_writable(void **state)
{
    (void)state;
    mfn_t l1 = machine_page(&machine_guest);

    machine_poke(l1, 0, pte_make(l1, LEAF_RW));
    assert_refused(-EBUSY, op_pin(l1, 1));
    machine_poke(l1, 0, pte_make(l1, LEAF_RO));
    assert_int_equal(op_pin(l1, 1), 0);
    counts_are(l1, PT_L1, 1, 3);
    assert_refused(-EBUSY, op_update(l1, 0, pte_make(l1, LEAF_RW)));
    assert_int_equal(op_unpin(l1), 0);
    counts_are(l1, PT_L1, 0, 1);
}

static void no_table_names_its_own_level_or_a_higher_one(void **state)
{
    (void)state;

    for (unsigned level = 2; level <= 4; level++) {
        for (unsigned child = 1; child <= 4; child++) {
            mfn_t a = machine_page(&machine_guest), b = machine_page(&machine_guest);

            /* In a table to be: itself, and a frame that has another level. */
            machine_poke(a, GUEST_SLOT, pte_make(a, BRANCH));
            assert_refused(-EINVAL, op_pin(a, level));
            machine_poke(a, GUEST_SLOT, pte_make(b, BRANCH));
            assert_int_equal(op_pin(b, child), 0);
            if (child == level - 1) {
                assert_int_equal(op_pin(a, level), 0);
                assert_int_equal(op_unpin(a), 0);
            } else {
                assert_refused(-EINVAL, op_pin(a, level));
            }
            /* In a table that there is; read-only as linear page tables would have it. */
            machine_poke(a, GUEST_SLOT, 0);
            assert_int_equal(op_pin(a, level), 0);
            assert_refused(-EINVAL, op_update(a, GUEST_SLOT, pte_make(a, BRANCH & ~PTE_RW)));
            if (child != level - 1)
                assert_refused(-EINVAL, op_update(a, GUEST_SLOT, pte_make(b, BRANCH & ~PTE_RW)));
            assert_int_equal(op_unpin(a), 0);
            assert_int_equal(op_unpin(b), 0);
        }
    }
}

static void shared_children_are_counted_once_for_each_parent(void **state)
{
    (void)state;
    struct machine_tree t = machine_tree(&machine_guest, LEAF_RW);
    mfn_t other = machine_page(&machine_guest);

    machine_poke(other, GUEST_SLOT, pte_make(t.l[3], BRANCH));
    machine_poke(other, PT_ENTRIES - 1, pte_make(t.l[3], BRANCH));
    assert_int_equal(op_pin(t.l[4], 4), 0);
    assert_int_equal(op_pin(other, 4), 0);
    counts_are(t.l[3], PT_L3, 3, 4);
    counts_are(t.l[2], PT_L2, 1, 2);
    assert_int_equal(op_unpin(t.l[4]), 0);
    counts_are(t.l[3], PT_L3, 2, 3);
    assert_int_equal(op_update(other, GUEST_SLOT, 0), 0);
    counts_are(t.l[3], PT_L3, 1, 2);
    assert_int_equal(op_unpin(other), 0);
    counts_are(t.l[0], PT_WRITABLE, 0, 1);
}

static void frames_that_are_not_the_domains(void **state)
{
    (void)state;
    mfn_t foreign = machine_page(&machine_control), table;
    const uint64_t bad[] = { 0,
                             1,
                             2,
                             frame_limit - 1,
                             frame_limit,
                             frame_limit + 1,
                             foreign.n,
                             1ul << 28,
                             (1ul << 40) - 2,
                             (1ul << 40) - 1 };

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        mfn_t mfn = { bad[i] };
        bool ram = bad[i] < frame_limit && bad[i] != 1;

        for (unsigned level = 1; level <= 4; level++) {
            assert_refused(-EINVAL, op_pin(mfn, level));
            table = machine_page(&machine_guest);
            machine_poke(table, GUEST_SLOT, pte_make(mfn, level == 1 ? LEAF_RO : BRANCH));
            assert_refused(level > 1                    ? -EINVAL
                           : bad[i] == MFN_INVALID_BITS ? -EINVAL
                           : ram                        ? -EBUSY
                                                        : -EPERM,
                           op_pin(table, level));
            machine_poke(table, GUEST_SLOT, 0);
            assert_int_equal(op_pin(table, level), 0);
            assert_refused(
                level > 1                    ? -EINVAL
                : bad[i] == MFN_INVALID_BITS ? -EINVAL
                : ram                        ? -EBUSY
                                             : -EPERM,
                op_update(table, GUEST_SLOT, pte_make(mfn, level == 1 ? LEAF_RW : BRANCH)));
            assert_int_equal(op_unpin(table), 0);
            assert_true(owner_release(&machine_guest.owner, table));
        }
        assert_refused(-EINVAL, op_unpin(mfn));
    }
    /* Numbers that only a cut to 40 or 52 bits would make valid. */
    table = machine_page(&machine_guest);
    assert_refused(-EINVAL, op_pin((mfn_t){ table.n | 1ul << 52 }, 1));
    assert_refused(-EINVAL, op_pin((mfn_t){ table.n | 1ul << 40 }, 1));
    assert_refused(-EINVAL, op_pin(MFN_NONE, 1));
    assert_refused(-EINVAL, op_unpin(MFN_NONE));
}

static void validation_starts_again_after_the_last_reference(void **state)
{
    (void)state;
    mfn_t l1 = machine_page(&machine_guest), l2 = machine_page(&machine_guest);

    assert_int_equal(op_pin(l1, 1), 0);
    assert_int_equal(op_unpin(l1), 0);
    machine_poke(l1, 3, pte_make(l2, LEAF_RO) | PTE_PCD);
    assert_refused(-EINVAL, op_pin(l1, 1));
    machine_poke(l1, 3, 0);
    assert_int_equal(op_pin(l1, 1), 0);
    assert_int_equal(op_unpin(l1), 0);
    /* Same type again without a write: the content is looked at all the same. */
    assert_int_equal(op_pin(l1, 1), 0);
}

static void base_pointers_hold_their_tables(void **state)
{
    (void)state;
    struct machine_tree t = machine_tree(&machine_guest, LEAF_RW), u;

    op_first_root(t.l[4]);
    u = machine_tree(&machine_guest, LEAF_RO);
    counts_are(t.l[4], PT_L4, 1, 2);
    assert_int_equal(op_baseptr(u.l[4]), 0);
    counts_are(t.l[4], PT_L4, 0, 1);
    assert_int_equal(op_baseptr(u.l[4]), 0);
    counts_are(u.l[4], PT_L4, 1, 2);
    assert_int_equal(op_user_baseptr(u.l[4]), 0);
    assert_int_equal(op_user_baseptr(u.l[4]), 0);
    counts_are(u.l[4], PT_L4, 2, 3);
    assert_int_equal(op_user_baseptr(t.l[4]), 0);
    assert_int_equal(op_user_baseptr((mfn_t){ 0 }), 0);
    counts_are(t.l[4], PT_L4, 0, 1);
    assert_refused(-EINVAL, op_baseptr(t.l[3]));
    assert_refused(-EINVAL, op_baseptr(u.l[1]));
    assert_refused(-EINVAL, op_baseptr((mfn_t){ frame_limit }));
    assert_refused(-EINVAL, op_user_baseptr(u.l[1]));
    /* A number that is cut to the present base's by the shift to an address is another number. */
    assert_refused(-EINVAL, op_baseptr((mfn_t){ u.l[4].n | 1ul << 52 }));
    assert_refused(-EINVAL, op_user_baseptr((mfn_t){ 1ul << 52 }));
}

/* A refused table names another domain's half-validated one: that is none of its business. */
static void a_partial_table_of_another_domain(void **state)
{
    (void)state;
    mfn_t theirs = machine_page(&machine_control), mine = machine_page(&machine_guest);
    struct snapshot *before;

    for (unsigned slot = 0; slot < 2; slot++)
        machine_poke(theirs, slot, pte_make(machine_page(&machine_control), BRANCH));
    machine_poke(mine, 1, pte_make(theirs, BRANCH));
    machine_run(2);
    hooks.preempt_at = ALWAYS;
    assert_int_equal(page_pin(theirs, machine_control.id, PT_L2), -ERESTART);
    machine_check("preempted pin");
    machine_run(0);
    before = snapshot_take();
    assert_int_equal(op_pin(mine, 3), -EINVAL);
    assert_true(snapshot_same(before));
    snapshot_free(before);
}

static void an_owner_that_is_gone(void **state)
{
    (void)state;
    struct machine_tree t = machine_tree(&machine_guest, LEAF_RW);

    owner_unregister(&machine_guest.owner);
    assert_int_equal(page_pin(t.l[4], machine_guest.id, PT_L4), -EINVAL);
    pt_work_drain();
    assert_true(owner_register(&machine_guest.owner));
    machine_check("after the refusal");
    assert_int_equal(frame_type_refs(t.l[4]), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, machine_setup, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(pin_validates_the_whole_tree),
        T(each_level_can_be_pinned_alone),
        T(pin_twice_and_unpin_twice),
        T(pin_at_a_wrong_level),
        T(writable_excludes_tables),
        T(a_table_cannot_map_itself_writable),
        T(no_table_names_its_own_level_or_a_higher_one),
        T(shared_children_are_counted_once_for_each_parent),
        T(frames_that_are_not_the_domains),
        T(validation_starts_again_after_the_last_reference),
        T(base_pointers_hold_their_tables),
        T(a_partial_table_of_another_domain),
        T(an_owner_that_is_gone),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
