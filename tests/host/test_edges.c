/* SPDX-License-Identifier: MIT */
/*
 * What is taken only at an edge: another CPU changes a word between a look at it and its
 * compare-and-exchange; a value is the last of its range; a function is asked for nothing.
 */
#include "machine.h"

#include "mm/guest_copy.h"
#include "mm/m2p.h"
#include "mm/mem_range.h"
#include "mm/page_alloc.h"
#include "pt/descriptor.h"
#include "pt/pin.h"
#include "pt/pte_check.h"
#include "pv/mmu_update.h"

static struct machine_tree t;
static mfn_t page, table;

static void stage(void)
{
    machine_begin(64);
    t = machine_tree(&machine_guest, LEAF_RW);
    page = machine_page(&machine_guest);
    table = machine_page(&machine_guest);
    op_first_root(t.l[4]);
}

static int staged(void **state)
{
    (void)state;
    stage();
    return 0;
}

/* ---- another CPU in between ------------------------------------------------------------------- */

static long (*others)(void);

static void others_turn(void)
{
    machine_run(1);
    (void)others();
}

/* ours, with the other CPU's operation at each of its shared accesses, each time from the start. */
static void at_each_access(const char *name, void (*prepare)(void), long (*ours)(void),
                           long (*theirs)(void))
{
    unsigned long accesses = 0;

    others = theirs;
    for (unsigned long k = 1; k <= accesses + 1; k++) {
        machine_end();
        stage();
        prepare();
        machine_note("%s, another CPU at access %lu", name, k);
        hooks_reset();
        hooks.interrupt = others_turn;
        hooks.interrupt_at = k;
        (void)ours();
        accesses = hooks.shared_accesses;
        hooks_reset();
        machine_run(0);
        machine_check("after both");
    }
}

static void nothing(void)
{
}

static long release_page(void)
{
    bool released = owner_release(&machine_guest.owner, page);

    assert_true(released);
    return 0;
}

static long map_page_read_only(void)
{
    return op_update(t.l[1], 1, pte_make(page, LEAF_RO));
}

static long unmap_page(void)
{
    return op_update(t.l[1], 2, 0);
}

static long unmap_page_generally(void)
{
    hooks.general = true;
    return unmap_page();
}

static long map_page_writable(void)
{
    return op_update(table, 3, pte_make(page, LEAF_RW));
}

static long unpin_table(void)
{
    return op_unpin(table);
}

static long pin_table(void)
{
    return op_pin(table, 2);
}

static long change_table(void)
{
    return op_update(table, 0, 0);
}

static long drop_descriptors(void)
{
    machine_unhold(page, PT_SEG);
    return 0;
}

static long take_descriptors(void)
{
    int rc = page_get_typed(page, machine_guest.id, PT_SEG);

    if (!rc)
        machine_hold(page, PT_SEG);
    return rc;
}

static void a_frame_given_back_while_it_is_mapped(void **state)
{
    (void)state;
    at_each_access("release", nothing, release_page, map_page_read_only);
}

static void mapped_writable(void)
{
    assert_int_equal(op_pin(table, 1), 0);
    assert_int_equal(op_update(t.l[1], 2, pte_make(page, LEAF_RW)), 0);
}

static void the_last_writable_mapping_goes_while_one_comes(void **state)
{
    (void)state;
    at_each_access("unmap", mapped_writable, unmap_page, map_page_writable);
    at_each_access("unmap the general way", mapped_writable, unmap_page_generally,
                   map_page_writable);
}

static void pinned(void)
{
    machine_poke(table, 0, pte_make(page, LEAF_RW));
    assert_int_equal(op_pin(table, 1), 0);
}

/* The entry is changed under the table's lock: whoever drops the table's last reference waits. */
static void the_last_reference_of_a_locked_table(void **state)
{
    (void)state;
    at_each_access("change an entry", pinned, change_table, unpin_table);
}

static void half_pinned(void)
{
    machine_poke(table, 0, pte_make(machine_page(&machine_guest), BRANCH));
    machine_poke(table, PT_ENTRIES - 1, pte_make(machine_page(&machine_guest), BRANCH));
    hooks.preempt_at = ALWAYS;
    assert_int_equal(page_pin(table, machine_guest.id, PT_L2), -ERESTART);
}

/* Both CPUs find a table that a preempted pin has left partial. */
static void a_partial_table_is_carried_on_by_another(void **state)
{
    (void)state;
    at_each_access("pin", half_pinned, pin_table, pin_table);
    at_each_access("pin", half_pinned, pin_table, unpin_table);
}

static void descriptors_held(void)
{
    assert_int_equal(take_descriptors(), 0);
}

static void the_last_descriptor_reference_goes_while_one_comes(void **state)
{
    (void)state;
    at_each_access("drop", descriptors_held, drop_descriptors, take_descriptors);
    while (frame_type_refs(page))
        drop_descriptors();
}

static void one_more_descriptor_reference_on_each(void **state)
{
    (void)state;
    at_each_access("take", descriptors_held, take_descriptors, take_descriptors);
    while (frame_type_refs(page))
        drop_descriptors();
}

static bool locked_by_other;

/* Once our entry is there. Whoever has the lock still is waited for, and nothing has happened. */
static long lock_table(void)
{
    if (machine_peek(t.l[1], 1) == pte_make(page, LEAF_RO))
        locked_by_other = page_type_lock(t.l[1], PT_L1);
    return 0;
}

/* Each lock is let go once: what another CPU has locked since stays locked. */
static void a_lock_is_let_go_once(void **state)
{
    unsigned long accesses = 0;

    (void)state;
    others = lock_table;
    for (unsigned ways = 0; ways < 3; ways++)
        for (unsigned long k = 1; k <= accesses + 1; k++) {
            struct mmu_update *req;

            machine_end();
            stage();
            req = machine_requests();
            req[0] = (struct mmu_update){ mfn_to_ma(t.l[1]) + 8, pte_make(page, LEAF_RO) };
            req[1] = (struct mmu_update){ mfn_to_ma(t.l[2]) + 8, 0 };
            hooks_reset();
            hooks.general = ways == 2;
            hooks.interrupt = others_turn;
            hooks.interrupt_at = k;
            locked_by_other = false;
            assert_int_equal(
                machine_hypercall(hc_mmu_update, GUEST_REQUESTS, ways ? 2 : 1, 0, DOMID_SELF), 0);
            accesses = hooks.shared_accesses;
            hooks_reset();
            machine_run(0);
            if (locked_by_other) {
                assert_true(frame_of(t.l[1])->type & FRAME_LOCKED);
                page_type_unlock(t.l[1]);
            }
        }
}

/* ---- the last value, and none --------------------------------------------------------------------- */

static void ranges_of_guest_memory(void **state)
{
    const uint64_t below = 0x0000800000000000ul;

    (void)state;
    assert_true(guest_range_ok(0, below));
    assert_false(guest_range_ok(0, below + 1));
    assert_true(guest_range_ok(below, 0));
    assert_false(guest_range_ok(below, 1));
    assert_false(guest_range_ok(below - 1, 2));
    assert_false(guest_range_ok(HV_VA_END - 1, 1));
    assert_true(guest_range_ok(HV_VA_END, 1));
    /* To the last byte, and not beyond. */
    assert_true(guest_range_ok(HV_VA_END, -HV_VA_END));
    assert_false(guest_range_ok(HV_VA_END, -HV_VA_END + 1));
    assert_true(guest_range_ok(~0ul, 1));
    assert_false(guest_range_ok(~0ul, 2));
    /* Around the whole of it. */
    assert_false(guest_range_ok(HV_VA_END - 1, -(HV_VA_END - 1)));
    assert_false(guest_range_ok(1, ~0ul));
    assert_false(guest_range_ok(below, -below));
    assert_true(guest_va_ok(below - 1));
    assert_false(guest_va_ok(below));
    assert_false(guest_va_ok(HV_VA_END - 1));
    assert_true(guest_va_ok(HV_VA_END));
}

static void a_new_page_is_clear(void **state)
{
    mfn_t again;

    (void)state;
    machine_poke(page, 1, 0x1122334455667788);
    machine_poke(page, PT_ENTRIES - 1, ~0ul);
    assert_true(owner_release(&machine_guest.owner, page));
    do {
        again = owner_alloc(&machine_control.owner, 0);
        assert_true(frame_valid(again));
        for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
            assert_int_equal(((const uint64_t *)frame_va(again))[i], 0);
    } while (!mfn_eq(again, page));
}

static void machine_to_physical_of_no_frame(void **state)
{
    (void)state;
    m2p_set(page, 5);
    assert_int_equal(m2p_get(page), 5);
    assert_int_equal(m2p_get(mfn_of(frame_limit)), M2P_INVALID);
    assert_int_equal(m2p_get(MFN_NONE), M2P_INVALID);
}

static void frames_that_links_cannot_name(void **state)
{
    uint64_t before = page_free_count();

    (void)state;
    page_alloc_add(mfn_of(1ull << 29), 8);
    page_alloc_add(mfn_of((1ull << 29) - 1), 8);
    assert_int_equal(page_free_count(), before);
}

static void ranges_of_nothing(void **state)
{
    struct mem_ranges r = { 0 };

    (void)state;
    mem_ranges_add(&r, 0x5000, 0x5000);
    mem_ranges_add(&r, 0x5000, 0x4000);
    assert_int_equal(r.count, 0);
    mem_ranges_add(&r, 0, 0x3000);
    mem_ranges_cut(&r, 0x1000, 0x1000);
    mem_ranges_cut(&r, 0x2000, 0x1000);
    assert_int_equal(mem_ranges_bytes(&r), 0x3000);
    assert_true(mem_ranges_hold(&r, 0x9000, 0x9000));
    /* Address 0 means "none": the range that begins there is not taken from. */
    assert_int_equal(mem_ranges_take(&r, 0x1000, 0x1000, ~0ull), 0);
}

static void an_entry_that_is_not_present(void **state)
{
    uint64_t absent = pte_make(page, LEAF_RW) & ~PTE_P;

    (void)state;
    for (unsigned level = 1; level <= 4; level++) {
        assert_int_equal(pte_get_refs(absent, level, machine_guest.id), 0);
        pte_put_refs(absent, level);
    }
    assert_int_equal(frame_refs(page), 1);
    machine_check("nothing taken");
}

/* A table that is validated and unlocked, and not the caller's; by the short way and without it. */
static void a_table_of_another_domain(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++) {
        mfn_t theirs = machine_page(&machine_control);

        machine_run(2);
        assert_int_equal(op_pin(theirs, level), 0);
        machine_run(0);
        for (unsigned general = 0; general <= 1; general++) {
            hooks.general = general;
            assert_refused(-EINVAL, op_update(theirs, 1, pte_make(t.l[level - 1], LEAF_RO)));
            assert_refused(-EINVAL, op_update(theirs, 1, 0));
        }
        assert_int_equal(machine_peek(theirs, 1), 0);
        machine_run(2);
        assert_int_equal(op_unpin(theirs), 0);
        machine_run(0);
    }
}

/* A page of descriptors that is refused keeps the frame that an earlier step has named. */
static void the_first_reason_stays(void **state)
{
    (void)state;
    machine_poke(page, 1, DESC_P | 9ull << 40);
    refusal_clear();
    (void)refuse(-EINVAL, "earlier", t.l[1], 0);
    assert_int_equal(seg_page_validate(page), -EINVAL);
    assert_int_equal(this_cpu()->refusal.mfn, t.l[1].n);
    refusal_clear();
    assert_int_equal(seg_page_validate(page), -EINVAL);
    assert_int_equal(this_cpu()->refusal.mfn, page.n);
    refusal_clear();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, staged, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(a_frame_given_back_while_it_is_mapped),
        T(the_last_writable_mapping_goes_while_one_comes),
        T(the_last_reference_of_a_locked_table),
        T(a_partial_table_is_carried_on_by_another),
        T(the_last_descriptor_reference_goes_while_one_comes),
        T(one_more_descriptor_reference_on_each),
        T(a_lock_is_let_go_once),
        T(ranges_of_guest_memory),
        T(a_new_page_is_clear),
        T(machine_to_physical_of_no_frame),
        T(frames_that_links_cannot_name),
        T(ranges_of_nothing),
        T(an_entry_that_is_not_present),
        T(a_table_of_another_domain),
        T(the_first_reason_stays),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
