/* SPDX-License-Identifier: MIT */
/*
 * Stale translations: what a TLB may still hold must be harmless whenever a frame changes its type or
 * its owner (hazards P6, P7, P8). The ghost TLB fails a test by itself; each test here also shows
 * that the flush happens when it must, and not when it need not.
 */
#include "machine.h"

#include "mm/tlb.h"
#include "pt/walk.h"

/* A loaded tree that maps x writable in L1 slot 1, and y. */
static struct machine_tree t;
static mfn_t x, y;

static int loaded(void **state)
{
    machine_setup(state);
    t = machine_tree(&machine_guest, LEAF_RW);
    x = machine_page(&machine_guest);
    y = machine_page(&machine_guest);
    machine_poke(t.l[1], 1, pte_make(x, LEAF_RW));
    op_first_root(t.l[4]);
    return 0;
}

static void writable_then_table(void **state)
{
    unsigned long flushes;

    (void)state;
    assert_int_equal(op_update(t.l[1], 1, 0), 0);
    assert_true(ghost_has(x, true)); /* no flush on unmapping */
    flushes = ghost_flushes;
    assert_int_equal(op_pin(x, 1), 0);
    assert_int_equal(ghost_flushes, flushes + 1);
    assert_false(ghost_has(x, true));
}

static void writable_then_flushed_then_table(void **state)
{
    unsigned long flushes;

    (void)state;
    assert_int_equal(op_update(t.l[1], 1, 0), 0);
    tlb_flush_all();
    flushes = ghost_flushes;
    assert_int_equal(op_pin(x, 1), 0);
    assert_int_equal(ghost_flushes, flushes);
}

static void writable_then_descriptors(void **state)
{
    (void)state;
    assert_int_equal(op_update(t.l[1], 1, 0), 0);
    assert_true(ghost_has(x, true));
    assert_int_equal(page_get_typed(x, machine_guest.id, PT_SEG), 0);
    assert_false(ghost_has(x, true));
    machine_hold(x, PT_SEG);
    machine_check("descriptors");
}

static void read_only_then_table(void **state)
{
    unsigned long flushes;

    (void)state;
    assert_int_equal(op_update(t.l[1], 2, pte_make(y, LEAF_RO)), 0);
    assert_int_equal(op_update(t.l[1], 2, 0), 0);
    flushes = ghost_flushes;
    assert_int_equal(op_pin(y, 1), 0);
    assert_int_equal(ghost_flushes, flushes); /* a read-only leftover does no harm */
    assert_true(ghost_has(y, false));
}

/* One batch: an L1 loses its place, then is mapped writable, before the batch's own flush. */
static void table_then_writable(void **state)
{
    struct mmu_update *req = machine_requests();
    unsigned long flushes;

    (void)state;
    assert_int_equal(op_pin(y, 1), 0);
    assert_int_equal(op_update(t.l[2], 1, pte_make(y, BRANCH)), 0);
    assert_int_equal(op_unpin(y), 0);
    req[0] = (struct mmu_update){ mfn_to_ma(t.l[2]) + 8, 0 };
    req[1] = (struct mmu_update){ mfn_to_ma(t.l[1]) + 16, pte_make(y, LEAF_RW) };
    flushes = ghost_flushes;
    assert_int_equal(machine_hypercall(hc_mmu_update, GUEST_REQUESTS, 2, GUEST_DONE, DOMID_SELF),
                     0);
    assert_int_equal(machine_done(), 2);
    machine_check("batch");
    assert_int_equal(ghost_flushes, flushes + 2);
    assert_int_equal(frame_type(y), PT_WRITABLE);
}

/* Changes above L1 are flushed when the batch ends; changes at L1 are the guest's to flush. */
static void flush_after_changes_above_l1(void **state)
{
    unsigned long flushes = ghost_flushes;

    (void)state;
    assert_int_equal(op_update(t.l[1], 2, pte_make(y, LEAF_RW)), 0);
    assert_int_equal(ghost_flushes, flushes);
    for (unsigned level = 2; level <= 4; level++) {
        flushes = ghost_flushes;
        assert_int_equal(op_update(t.l[level], 1, 0), 0);
        assert_int_equal(ghost_flushes, flushes + 1);
    }
}

static void freed_and_given_to_another(void **state)
{
    mfn_t again;

    (void)state;
    assert_int_equal(op_update(t.l[1], 1, 0), 0);
    assert_true(owner_release(&machine_guest.owner, x));
    assert_int_equal(frame_owner(x), OWNER_NONE);
    assert_true(ghost_has(x, true));
    do {
        again = machine_page(&machine_control);
        machine_check("given out");
    } while (!mfn_eq(again, x));
    assert_false(ghost_has(x, false));
}

/* Freed while mapped: the frame stays with its owner until the entry goes. */
static void freed_while_mapped(void **state)
{
    uint32_t pages = machine_guest.owner.pages;

    (void)state;
    assert_true(owner_release(&machine_guest.owner, x));
    machine_check("released");
    assert_false(owner_release(&machine_guest.owner, x));
    assert_int_equal(frame_owner(x), machine_guest.id);
    assert_int_equal(machine_guest.owner.pages, pages);
    assert_int_equal(op_update(t.l[1], 1, 0), 0);
    assert_int_equal(frame_owner(x), OWNER_NONE);
    assert_int_equal(machine_guest.owner.pages, pages - 1);
}

/* A table given back while it is in use: it ends with the last reference, its entries with it. */
static void table_freed_while_in_use(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 3; level++)
        assert_true(owner_release(&machine_guest.owner, t.l[level]));
    machine_check("released");
    assert_int_equal(op_update(t.l[4], GUEST_SLOT, 0), 0);
    for (unsigned level = 1; level <= 3; level++)
        assert_int_equal(frame_owner(t.l[level]), OWNER_NONE);
    assert_int_equal(frame_type_refs(x), 0);
}

/* Old base pointer: its tables may be walked until the CPU has left it. */
static void old_base_pointer(void **state)
{
    mfn_t l4 = machine_page(&machine_guest);

    (void)state;
    assert_int_equal(op_baseptr(l4), 0);
    for (unsigned level = 1; level <= 4; level++) {
        assert_int_equal(frame_type_refs(t.l[level]), 0);
        assert_false(ghost_has(t.l[level], false));
    }
}

static mfn_t left;

static void store_where_the_base_was(void)
{
    machine_run(1);
    (void)op_update(left, 1, 0x1234);
}

/* Another CPU may write to the old base pointer's page only when this CPU has left it. */
static void old_base_pointer_taken_by_another(void **state)
{
    unsigned long accesses = 0;

    for (unsigned long k = 1; k <= accesses + 1; k++) {
        mfn_t first, second;

        machine_end();
        machine_begin(64);
        first = machine_page(&machine_guest);
        second = machine_page(&machine_guest);
        left = machine_page(&machine_guest);
        machine_run(1);
        op_first_root(first);
        machine_run(0);
        op_first_root(left);
        hooks_reset();
        machine_note("another CPU's store at access %lu", k);
        hooks.interrupt = store_where_the_base_was;
        hooks.interrupt_at = k;
        assert_int_equal(op_baseptr(second), 0);
        accesses = hooks.shared_accesses;
        hooks_reset();
        machine_check("after both");
    }
    (void)state;
}

/* Of a block only the second frame was freed since the last flush. */
static void block_freed_in_parts(void **state)
{
    mfn_t pair = owner_alloc(&machine_guest.owner, 1), second = mfn_add(pair, 1), again;

    (void)state;
    assert_int_equal(op_update(t.l[1], 2, pte_make(second, LEAF_RW)), 0);
    assert_true(owner_release(&machine_guest.owner, pair));
    tlb_flush_all();
    assert_int_equal(op_update(t.l[1], 2, 0), 0);
    assert_true(owner_release(&machine_guest.owner, second));
    assert_true(ghost_has(second, true));
    do {
        again = owner_alloc(&machine_control.owner, 1);
        assert_true(frame_valid(again));
        machine_check("given out");
    } while (!mfn_eq(again, pair));
    assert_false(ghost_has(second, false));
}

/* The walk sees the tables as they are, not as a TLB remembers them. */
static void walk_after_a_swap(void **state)
{
    mfn_t l1 = machine_page(&machine_guest);
    struct walk w;

    (void)state;
    assert_true(walk_tables(&w, t.l[4], PAGE_SIZE));
    assert_int_equal(w.table[1].n, t.l[1].n);
    assert_int_equal(w.entry[1], machine_peek(t.l[1], 1));
    assert_int_equal(op_update(t.l[2], GUEST_SLOT, pte_make(l1, BRANCH)), 0);
    assert_int_equal(op_update_va(PAGE_SIZE, pte_make(y, LEAF_RW), 0), 0);
    assert_int_equal(machine_peek(l1, 1), pte_make(y, LEAF_RW));
    assert_int_equal(op_update(t.l[2], GUEST_SLOT, 0), 0);
    assert_false(walk_tables(&w, t.l[4], PAGE_SIZE));
    assert_int_equal(w.level, 2);
    assert_refused(-EINVAL, op_update_va(PAGE_SIZE, 0, 0));
}

static void walk_stops(void **state)
{
    struct walk w;

    (void)state;
    assert_false(walk_tables(&w, t.l[4], 0x0000800000000000));
    assert_false(walk_tables(&w, mfn_of(frame_limit), 0));
    /* Tables that no validation has seen: superpages are not followed, nor frames beyond memory. */
    for (unsigned level = 2; level <= 4; level++) {
        struct machine_tree u = machine_tree(&machine_guest, LEAF_RO);
        uint64_t entry = machine_peek(u.l[level], GUEST_SLOT);

        machine_poke(u.l[level], GUEST_SLOT, entry | PTE_PS);
        assert_false(walk_tables(&w, u.l[4], 0));
        assert_int_equal(w.level, level);
        machine_poke(u.l[level], GUEST_SLOT, pte_make(mfn_of(frame_limit), BRANCH));
        assert_false(walk_tables(&w, u.l[4], 0));
        assert_int_equal(w.level, level);
        machine_poke(u.l[level], GUEST_SLOT, entry);
        assert_true(walk_tables(&w, u.l[4], 0));
        assert_int_equal(w.level, 1);
    }
}

/* The dates are short: when they come round again there is one flush too many, never one too few. */
static void dates_come_round(void **state)
{
    (void)state;
    for (unsigned clock = 0; clock < 20; clock++) {
        unsigned long flushes;
        bool again = clock && clock % (1ul << (FRAME_EPOCH_BITS < 5 ? FRAME_EPOCH_BITS : 5)) == 0;

        assert_int_equal(op_update(t.l[1], 1, pte_make(x, LEAF_RW)), 0);
        assert_int_equal(op_update(t.l[1], 1, 0), 0);
        for (unsigned i = 0; i < clock; i++)
            tlb_flush_all();
        flushes = ghost_flushes;
        assert_int_equal(op_pin(x, 2), 0);
        assert_int_equal(ghost_flushes - flushes, clock == 0 || again);
        assert_int_equal(op_unpin(x), 0);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, loaded, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(writable_then_table),        T(writable_then_flushed_then_table),
        T(writable_then_descriptors),  T(read_only_then_table),
        T(table_then_writable),        T(flush_after_changes_above_l1),
        T(freed_and_given_to_another), T(freed_while_mapped),
        T(table_freed_while_in_use),   T(old_base_pointer),
        T(walk_after_a_swap),          T(walk_stops),
        T(dates_come_round),           T(old_base_pointer_taken_by_another),
        T(block_freed_in_parts),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
