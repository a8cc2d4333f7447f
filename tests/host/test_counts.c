/* SPDX-License-Identifier: MIT */
/*
 * Counters at their edges, on the tiny machine: a general count of four bits with a reserve of four, a
 * type count of three. A full counter refuses; nothing wraps, and the hypervisor's own bookkeeping
 * (partial frames, pending cleanup) still finds room.
 */
#include "machine.h"

#include "pt/pin.h"

_Static_assert(FRAME_REF_MAX == 15 && FRAME_TYPE_MAX == 7, "on the tiny machine only");
#define GUEST_REFS (FRAME_REF_MAX - FRAME_REF_RESERVE) /* what guests can fill */

static struct machine_tree t;
static mfn_t l1[8], page;

static int tables(void **state)
{
    (void)state;
    machine_begin(64);
    t = machine_tree(&machine_guest, LEAF_RO);
    page = machine_page(&machine_guest);
    op_first_root(t.l[4]);
    for (unsigned i = 0; i < 8; i++) {
        l1[i] = machine_page(&machine_guest);
        assert_int_equal(op_pin(l1[i], 1), 0);
    }
    return 0;
}

/* The i-th of 32 entries in these tables. */
static long set(unsigned i, uint64_t pte)
{
    return op_update(l1[i / PT_ENTRIES], i % PT_ENTRIES, pte);
}

static unsigned map_until_full(mfn_t mfn, uint64_t flags)
{
    unsigned n = 0;

    while (n < 32 && set(n, pte_make(mfn, flags)) == 0)
        n++;
    return n;
}

static void general_count(void **state)
{
    unsigned n = map_until_full(page, LEAF_RO);

    (void)state;
    assert_int_equal(n, GUEST_REFS - 1);
    assert_int_equal(frame_refs(page), GUEST_REFS);
    assert_refused(-EBUSY, set(n, pte_make(page, LEAF_RO)));
    assert_refused(-EINVAL, op_pin(page, 1));
    assert_refused(-EBUSY, op_update_va(0, pte_make(page, LEAF_RO), 0));
    /* A table that would need one more is refused as a whole. */
    assert_int_equal(set(0, 0), 0);
    mfn_t table = machine_page(&machine_guest);
    machine_poke(table, 0, pte_make(page, LEAF_RO));
    machine_poke(table, 1, pte_make(page, LEAF_RO));
    assert_refused(-EBUSY, op_pin(table, 1));
    machine_poke(table, 1, 0);
    assert_int_equal(op_pin(table, 1), 0);
    assert_int_equal(op_unpin(table), 0);
    assert_int_equal(set(0, pte_make(page, LEAF_RO)), 0);
}

/* Bookkeeping has drawn on the reserve: a request that gives back has its share of it, and no more. */
static void reserve(void **state)
{
    (void)state;
    assert_int_equal(op_pin(page, 1), 0);
    while (frame_refs(page) < FRAME_REF_MAX - FRAME_REF_RESERVE / 2)
        frame_get_again(page);
    assert_int_equal(page_unpin(page, machine_guest.id), -EINVAL);
    assert_int_equal(frame_refs(page), FRAME_REF_MAX - FRAME_REF_RESERVE / 2);
    while (frame_refs(page) > 2)
        frame_put(page);
    assert_int_equal(op_unpin(page), 0);
}

static void writable_count(void **state)
{
    unsigned n = map_until_full(page, LEAF_RW);

    (void)state;
    assert_int_equal(n, FRAME_TYPE_MAX);
    assert_int_equal(frame_type_refs(page), FRAME_TYPE_MAX);
    assert_refused(-EBUSY, set(n, pte_make(page, LEAF_RW)));
    assert_int_equal(set(n, pte_make(page, LEAF_RO)), 0);
    assert_refused(-EBUSY, set(n, pte_make(page, LEAF_RW)));
    assert_int_equal(set(0, pte_make(page, LEAF_RO)), 0);
    assert_int_equal(set(n, pte_make(page, LEAF_RW)), 0);
    /* A plain store through mmu_update needs the type for a moment. */
    assert_refused(-EINVAL, op_update(page, 0, 1));
}

static void table_count(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 3; level++) {
        mfn_t child = machine_page(&machine_guest), parent[4];
        unsigned n = 0;

        for (unsigned i = 0; i < 4; i++) {
            parent[i] = machine_page(&machine_guest);
            assert_int_equal(op_pin(parent[i], level + 1), 0);
        }
        for (; n < FRAME_TYPE_MAX; n++)
            assert_int_equal(op_update(parent[n / 2], n % 2, pte_make(child, BRANCH)), 0);
        assert_int_equal(frame_type_refs(child), FRAME_TYPE_MAX);
        assert_refused(-EINVAL, op_update(parent[n / 2], n % 2, pte_make(child, BRANCH)));
        assert_refused(-EINVAL, op_pin(child, level));
        /* Replacing an entry by itself with another flag takes nothing. */
        assert_int_equal(op_update(parent[0], 0, pte_make(child, BRANCH | PTE_NX)), 0);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(op_unpin(parent[i]), 0);
        assert_int_equal(frame_type_refs(child), 0);
    }
}

/* A base pointer when the table is full: refused, and the old base stands. */
static void base_pointer_to_a_full_table(void **state)
{
    mfn_t l4 = machine_page(&machine_guest);

    (void)state;
    for (unsigned i = 0; i < FRAME_TYPE_MAX; i++) {
        assert_int_equal(page_get_typed(l4, machine_guest.id, PT_L4), 0);
        machine_hold(l4, PT_L4);
    }
    assert_refused(-EINVAL, op_baseptr(l4));
    assert_refused(-EINVAL, op_user_baseptr(l4));
    machine_unhold(l4, PT_L4);
    assert_int_equal(op_user_baseptr(l4), 0);
}

/*
 * A table whose general count guests have filled is demoted in pieces: the partial flag and the
 * pending cleanup draw on the reserve. The unpin itself needs no room.
 */
static void demotion_of_a_full_table(void **state)
{
    mfn_t table = machine_page(&machine_guest);
    unsigned n;

    (void)state;
    for (unsigned slot = 0; slot < PT_ENTRIES; slot++)
        machine_poke(table, slot, pte_make(l1[slot], BRANCH));
    assert_int_equal(op_pin(table, 2), 0);
    n = map_until_full(table, LEAF_RO);
    assert_int_equal(n, GUEST_REFS - 2);
    assert_refused(-EBUSY, set(n, pte_make(table, LEAF_RO)));
    hooks_reset();
    hooks.general = true; /* stops at each child */
    hooks.preempt_at = ALWAYS;
    assert_int_equal(op_unpin(table), 0);
    assert_true(hooks.reschedules > 0);
    assert_int_equal(frame_type_refs(table), 0);
    assert_int_equal(frame_refs(table), GUEST_REFS - 1);
}

/* A promotion that is cut into pieces or refused when its frame has no room left for guests. */
static void promotion_of_a_full_table(void **state)
{
    mfn_t table = machine_page(&machine_guest), parent = machine_page(&machine_guest);
    unsigned n = map_until_full(table, LEAF_RO);

    (void)state;
    /* Room for the parent's reference, and for the one of a partial frame. */
    assert_int_equal(set(n - 1, 0), 0);
    assert_int_equal(set(n - 2, 0), 0);
    for (unsigned slot = 0; slot < PT_ENTRIES; slot++)
        ((uint64_t *)frame_va(table))[slot] = pte_make(l1[slot], BRANCH);
    machine_poke(parent, 0, pte_make(table, BRANCH));
    hooks_reset();
    hooks.general = true; /* stops at each child */
    hooks.preempt_at = ALWAYS;
    assert_int_equal(op_pin(parent, 3), 0);
    assert_int_equal(frame_refs(table), GUEST_REFS - 1);
    assert_int_equal(op_unpin(parent), 0);
    /* The frame has been plain memory in between, and gets a bad entry at its end. */
    ((uint64_t *)frame_va(table))[PT_ENTRIES - 1] = pte_make(l1[0], BRANCH | PTE_PS);
    assert_refused(-EINVAL, op_pin(parent, 3));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, tables, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(general_count),
        T(reserve),
        T(writable_count),
        T(table_count),
        T(base_pointer_to_a_full_table),
        T(demotion_of_a_full_table),
        T(promotion_of_a_full_table),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
