/* SPDX-License-Identifier: MIT */
/*
 * Long work is cut into pieces: the worst trees that a domain can build, and how much is done between
 * two looks at whether somebody else wants the CPU (hazard P4). On tables of full width.
 */
#include "machine.h"

#include "dom/teardown.h"
#include "mm/hv_map.h"
#include "mm/tlb.h"
#include "pt/pin.h"
#include "pt/table_scan.h"

/*
 * Steps (reads of entries, accesses to frame words) of three full L1s, at most four for an entry: one
 * that is refused at its end, the same taken back, and the one before it. Else it is one or two.
 */
#define WORK_MAX (3 * 4ul * PT_ENTRIES)

static mfn_t l4, l3, l2, l1[PT_ENTRIES], page[8];

/* One L2 whose L1s are all different and all full of writable entries. */
static int wide_tree(void **state)
{
    (void)state;
    machine_begin(PT_ENTRIES + 64);
    for (unsigned i = 0; i < 8; i++)
        page[i] = machine_page(&machine_guest);
    l4 = machine_page(&machine_guest);
    l3 = machine_page(&machine_guest);
    l2 = machine_page(&machine_guest);
    machine_poke(l4, GUEST_SLOT, pte_make(l3, BRANCH));
    machine_poke(l3, GUEST_SLOT, pte_make(l2, BRANCH));
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        l1[i] = machine_page(&machine_guest);
        machine_poke(l2, i, pte_make(l1[i], BRANCH));
        for (unsigned slot = 0; slot < PT_ENTRIES; slot++)
            ((uint64_t *)frame_va(l1[i]))[slot] = pte_make(page[slot % 8], LEAF_RW);
    }
    hooks_reset();
    return 0;
}

static void steps_between_checks(void **state)
{
    (void)state;
    assert_int_equal(op_pin(l4, 4), 0);
    assert_true(hooks.longest_work <= WORK_MAX);
    assert_true(hooks.preempt_checks >= PT_ENTRIES - 1);
    hooks_reset();
    assert_int_equal(op_unpin(l4), 0);
    assert_true(hooks.longest_work <= WORK_MAX);
    assert_true(hooks.preempt_checks >= PT_ENTRIES - 1);
}

/* Every table at every level wide: nothing is walked twice because of it. */
static void shared_to_the_last_slot(void **state)
{
    mfn_t wide[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        wide[i] = machine_page(&machine_guest);
        for (unsigned slot = 0; slot < PT_ENTRIES; slot++)
            ((uint64_t *)frame_va(wide[i]))[slot] = pte_make(i ? wide[0] : l2, BRANCH);
    }
    assert_int_equal(op_pin(wide[1], 4), 0);
    assert_int_equal(frame_type_refs(l2), PT_ENTRIES);
    assert_true(hooks.longest_work <= WORK_MAX);
    hooks_reset();
    assert_int_equal(op_unpin(wide[1]), 0);
    assert_true(hooks.longest_work <= WORK_MAX);
    assert_int_equal(frame_type_refs(l2), 0);
}

/* The last entry of all is bad: taking everything back is cut into pieces too. */
static void refused_at_the_end(void **state)
{
    (void)state;
    machine_poke(l1[PT_ENTRIES - 1], PT_ENTRIES - 1, pte_make(l4, LEAF_RW));
    assert_refused(-EBUSY, op_pin(l4, 4));
    assert_true(hooks.longest_work <= WORK_MAX);
    assert_true(hooks.preempt_checks >= 2 * (PT_ENTRIES - 2));
}

/* Somebody always wants the CPU: every piece still gets further. */
static void always_preempted(void **state)
{
    (void)state;
    hooks.preempt_at = ALWAYS;
    assert_int_equal(page_pin(l4, machine_guest.id, PT_L4), -ERESTART);
    for (unsigned pieces = 1;; pieces++) {
        int rc = page_pin(l4, machine_guest.id, PT_L4);

        assert_true(pieces <= 2 * PT_ENTRIES);
        if (!rc)
            break;
        assert_int_equal(rc, -ERESTART);
        if (pieces % 64 == 0)
            machine_check("between pieces");
    }
    machine_check("pinned");
    assert_int_equal(page_unpin(l4, machine_guest.id), 0);
    assert_true(this_cpu()->pt_work->used);
    assert_int_equal(machine_audit(false), 0);
    pt_work_drain();
    assert_true(hooks.reschedules <= 2 * PT_ENTRIES);
    machine_check("unpinned");
    assert_int_equal(frame_type_refs(l1[0]), 0);
}

/* A pin that is never asked for again: nothing of it is lost when the domain ends. */
static void abandoned(void **state)
{
    (void)state;
    hooks.preempt_at = 100;
    assert_int_equal(page_pin(l4, machine_guest.id, PT_L4), -ERESTART);
    machine_check("abandoned");
    assert_int_equal(op_unpin(l4), -EINVAL);
    assert_int_equal(op_update(l2, 0, 0), -EINVAL);
}

/* The end of a domain takes its tables apart in pieces as well. */
static void teardown_in_pieces(void **state)
{
    (void)state;
    assert_int_equal(op_pin(l4, 4), 0);
    hooks_reset();
}

static struct pt_work idle_work;

/* Another domain's vCPU ran, and the CPU is the idle vCPU's again: its cleanup is the idle one's. */
static void others_ran(void)
{
    this_cpu()->pt_work = &idle_work;
}

/* In the middle of a domain's end others run on the same CPU; nothing of it is forgotten. */
static void teardown_with_others(void **state)
{
    struct pt_work *work = this_cpu()->pt_work;

    (void)state;
    op_first_root(l4);
    tlb_load_root(idle_root_pa);
    hooks_reset();
    hooks.preempt_at = ALWAYS;
    hooks.rescheduled = others_ran;
    this_cpu()->pt_work = &idle_work;
    assert_int_equal(teardown_memory(&machine_guest), 0);
    assert_true(hooks.reschedules >= PT_ENTRIES);
    this_cpu()->pt_work = work;
}

/* Each word of a table by itself, and next to words that are not present: two ways of looking agree. */
static void spans_of_every_word(void **state)
{
    static _Alignas(4096) uint64_t table[PT_ENTRIES];

    (void)state;
    for (unsigned slot = 0; slot < PT_ENTRIES; slot++) {
        for (unsigned i = 0; i < PT_ENTRIES; i++)
            table[i] = ~(uint64_t)PTE_P;
        assert_int_equal(table_spans(table), 0);
        table[slot] = PTE_P;
        assert_int_equal(scan_wide(table), 1u << slot / 32);
        assert_int_equal(scan_each(table), 1u << slot / 32);
    }
}

static void spans_keep_the_guests_register(void **state)
{
    static _Alignas(4096) uint64_t table[PT_ENTRIES];
    const uint64_t set[2] = { 0x0123456789abcdef, 0xfedcba9876543210 };
    uint64_t got[2];

    (void)state;
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        table[i] = PTE_P | i;
    asm volatile("movups %0, %%xmm0" : : "m"(set) : "xmm0");
    assert_int_equal(scan_wide(table), FRAME_SPANS_ALL);
    asm volatile("movups %%xmm0, %0" : "=m"(got));
    assert_memory_equal(got, set, sizeof(set));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, wide_tree, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(steps_between_checks),
        T(shared_to_the_last_slot),
        T(refused_at_the_end),
        T(always_preempted),
        T(abandoned),
        T(teardown_in_pieces),
        T(teardown_with_others),
        cmocka_unit_test(spans_of_every_word),
        cmocka_unit_test(spans_keep_the_guests_register),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
