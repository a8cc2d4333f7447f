/* SPDX-License-Identifier: MIT */
/*
 * Grants with a failure, a preemption or another CPU's operation at every point (hazards G1, G3, G4,
 * G6): a request that fails has changed nothing; one that is cut into pieces ends as undisturbed;
 * between two accesses to shared words every rule holds whatever others do there.
 */
#include "grants.h"

#include <string.h>

#include "mm/tlb.h"

static uint32_t handle, handle2;

/* ---- operations ------------------------------------------------------------------- */

static void nothing(void)
{
}

static void mapped(void)
{
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), 0);
}

static void mapped_for_reading(void)
{
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map | GNTMAP_readonly, &handle), 0);
}

static void mapped_both(void)
{
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map | GNTMAP_device_map, &handle), 0);
}

static void mapped_beside_own(void)
{
    mapped();
    assert_int_equal(op_update(gs.tree.l[1], 2, pte_make(gs.own, LEAF_RW)), 0);
}

static int map(void)
{
    return grant_map_at(1, REF1, GNTMAP_host_map, &handle2);
}

static int map_over_own(void)
{
    return grant_map_at(GUEST_SLOT, REF1, GNTMAP_host_map, &handle2);
}

static int map_by_entry(void)
{
    return grant_map_at(2, REF1, GNTMAP_host_map | GNTMAP_contains_pte, &handle2);
}

static int map_both(void)
{
    return grant_map_at(2, REF1, GNTMAP_host_map | GNTMAP_device_map, &handle2);
}

static int map_for_reading(void)
{
    return grant_map_at(2, REF2, GNTMAP_host_map | GNTMAP_readonly, &handle2);
}

static int map_second(void)
{
    return grant_map_at(2, REF1, GNTMAP_host_map, &handle2);
}

static int unmap(void)
{
    return grant_unmap_at(1, handle, MFN_NONE);
}

static int unmap_both(void)
{
    return grant_unmap_at(1, handle, gs.page);
}

static int replace(void)
{
    return grant_replace_at(1, 2, handle);
}

static int copy_in(void)
{
    return grant_copy_between(0, REF1);
}

static int copy_across(void)
{
    return grant_copy_between(REF2, REF1);
}

static int grow(void)
{
    struct gnttab_setup_table op = { .dom = DOMID_SELF, .nr_frames = 3, .status = 99 };

    set_xen_guest_handle(op.frame_list, (xen_pfn_t *)(GUEST_VA + 0x8000));
    assert_int_equal(grant_call(GNTTABOP_setup_table, &op, 1, sizeof(op)), 0);
    return op.status;
}

/* Requests that are not preempted before the first of them is done: good, refused, good. */
static int batch_of_maps(void)
{
    struct gnttab_map_grant_ref ops[3] = { 0 };

    for (unsigned i = 0; i < 3; i++)
        ops[i] = (struct gnttab_map_grant_ref){ .host_addr = slot_va(1 + i % PT_ENTRIES),
                                                .flags = GNTMAP_host_map,
                                                .ref = i == 1 ? REF2 : REF1,
                                                .dom = machine_control.id };
    assert_int_equal(grant_call(GNTTABOP_map_grant_ref, ops, 3, sizeof(ops)), 0);
    assert_int_equal(ops[1].status, GNTST_general_error);
    return ops[0].status ? ops[0].status : ops[2].status;
}

static int batch_of_copies(void)
{
    struct gnttab_copy ops[3] = { 0 };

    for (unsigned i = 0; i < 3; i++) {
        ops[i] = (struct gnttab_copy){ .len = 8, .flags = GNTCOPY_source_gref };
        ops[i].source.u.ref = i == 1 ? 7 : REF1;
        ops[i].source.domid = machine_control.id;
        ops[i].dest.domid = DOMID_SELF;
        ops[i].dest.u.gmfn = gs.own.n;
        ops[i].dest.offset = (uint16_t)(8 * i);
    }
    assert_int_equal(grant_call(GNTTABOP_copy, ops, 3, sizeof(ops)), 0);
    assert_int_equal(ops[1].status, GNTST_general_error);
    return ops[0].status ? ops[0].status : ops[2].status;
}

static const struct operation {
    const char *name;
    void (*prepare)(void);
    int (*run)(void);
    bool whole; /* fails as a whole: not a batch */
} operations[] = {
    { "map", nothing, map, true },
    { "map over an entry", nothing, map_over_own, true },
    { "map by the entry's address", nothing, map_by_entry, true },
    { "map for host and device", nothing, map_both, true },
    { "map for reading", nothing, map_for_reading, true },
    { "map once more", mapped, map_second, true },
    { "map for writing what is mapped for reading", mapped_for_reading, map_second, true },
    { "unmap", mapped, unmap, true },
    { "unmap for reading", mapped_for_reading, unmap, true },
    { "unmap of both", mapped_both, unmap_both, true },
    { "unmap and replace", mapped_beside_own, replace, false },
    { "copy into a grant", nothing, copy_in, true },
    { "copy between grants", nothing, copy_across, true },
    { "a larger table", nothing, grow, true },
    { "a batch of maps", nothing, batch_of_maps, false },
    { "a batch of copies", nothing, batch_of_copies, false },
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static void stage_for(const struct operation *op)
{
    void *unused = 0;

    grant_stage_make(&unused);
    op->prepare();
    hooks_reset();
}

static void fails_at_every_step(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        const struct operation *op = &operations[i];
        unsigned long steps = 0;

        for (unsigned long k = 1; k <= steps + 1; k++) {
            struct snapshot *before;
            int status;

            stage_for(op);
            before = snapshot_take();
            hooks.fail_at = k;
            machine_note("%s, step %lu fails", op->name, k);
            status = op->run();
            steps = hooks.fallible_steps;
            hooks_reset();
            if (op->whole)
                assert_int_equal(status != 0, k <= steps);
            if (op->whole && status) {
                if (!snapshot_same(before))
                    fail_msg("%s: something has changed", machine_noted());
            }
            snapshot_free(before);
            machine_end();
        }
    }
}

static void preempted_at_every_check(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        const struct operation *op = &operations[i];
        unsigned long checks = 0;
        struct snapshot *end;

        stage_for(op);
        assert_int_equal(op->run(), 0);
        end = snapshot_take();
        machine_end();
        for (unsigned long k = 0; k <= checks; k++) {
            stage_for(op);
            hooks.preempt_at = k ? k : ALWAYS;
            machine_note("%s, preempted at check %lu", op->name, k);
            assert_int_equal(op->run(), 0);
            checks = checks > hooks.preempt_checks ? checks : hooks.preempt_checks;
            if (!snapshot_same_end(end))
                fail_msg("%s: another end", machine_noted());
            machine_end();
        }
        snapshot_free(end);
    }
}

/* No word of the guest's is read twice: neither of a request, nor of an entry, nor of a table. */
static void words_read_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        stage_for(&operations[i]);
        hooks.flip = operations[i].whole;
        machine_note("%s, words that change", operations[i].name);
        if (operations[i].whole) {
            assert_int_equal(operations[i].run(), 0);
            assert_int_equal(hooks.double_reads, 0);
        }
        machine_end();
    }
}

/* ---- another CPU in between -------------------------------------------------------- */

static void theirs_entry_moves(void)
{
    grant_write(REF1, GTF_permit_access, machine_guest.id, gs.page2);
}

static void theirs_entry_ends(void)
{
    grant_write(REF1, GTF_invalid, 0, mfn_of(0));
}

static void theirs_entry_for_another(void)
{
    grant_write(REF1, GTF_permit_access, 7, mfn_of(2));
}

static void theirs_frame_given_back(void)
{
    if (frame_get_to_give_back(gs.page, machine_control.id)) {
        (void)owner_release(&machine_control.owner, gs.page);
        frame_put(gs.page);
    }
}

static void theirs_frame_typed(void)
{
    machine_run(2);
    (void)op_pin(gs.page, 1);
}

static unsigned unmapped;

static void theirs_unmap(void)
{
    machine_run(1);
    unmapped += !grant_unmap_at(1, handle, MFN_NONE);
}

static void theirs_map(void)
{
    machine_run(1);
    (void)grant_map_at(3, REF1, GNTMAP_host_map, &(uint32_t){ 0 });
}

static void theirs_overwrite(void)
{
    machine_run(1);
    (void)op_update(gs.tree.l[1], 1, 0);
}

static void (*const theirs[])(void) = { theirs_entry_moves,
                                        theirs_entry_ends,
                                        theirs_entry_for_another,
                                        theirs_frame_given_back,
                                        theirs_frame_typed,
                                        theirs_unmap,
                                        theirs_map,
                                        theirs_overwrite };

static bool others_waited; /* the other CPU could not do it yet, or it was too late */

/* ours, with another CPU's operation at each shared access in turn; after(k) looks at the end. */
static void at_each_access(const struct operation *op, void (*interrupt)(void),
                           void (*after)(int status))
{
    unsigned long accesses = 0;

    for (unsigned long k = 1; k <= accesses + 1; k++) {
        int status;

        stage_for(op);
        unmapped = 0;
        machine_note("%s, another CPU at access %lu", op->name, k);
        hooks.interrupt = interrupt;
        hooks.interrupt_at = k;
        status = op->run();
        accesses = hooks.shared_accesses;
        others_waited = hooks.waited || accesses < k;
        hooks_reset();
        machine_run(0);
        machine_check("after both");
        if (after)
            after(status);
        machine_end();
    }
}

static void others_at_every_access(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPERATIONS; i++)
        for (unsigned t = 0; operations[i].whole && t < sizeof(theirs) / sizeof(theirs[0]); t++)
            at_each_access(&operations[i], theirs[t], 0);
}

/* One of both unmaps it; the other is told that the handle is none, or that the entry is gone. */
static void one_of_two(int status)
{
    unmapped += !status;
    assert_int_equal(unmapped, 1);
    assert_int_equal(grant_flags(REF1), GTF_permit_access);
    assert_int_equal(machine_guest.gnttab->handles, 0);
}

static void two_unmap_one_handle(void **state)
{
    static const struct operation op = { "unmap", mapped, unmap, true };

    (void)state;
    at_each_access(&op, theirs_unmap, one_of_two);
}

/* Frame, domain and flags are of one moment: page2 was never for the mapper. */
static void theirs_entry_is_another(void)
{
    grant_write(REF1, GTF_invalid, 7, gs.page2);
}

static void what_was_granted(int status)
{
    if (!status)
        assert_true(mfn_eq(pte_mfn(slot_entry(1)), gs.page));
    /* What the granter wrote stands, with marks at most. */
    if (!(grant_flags(REF1) & GTF_permit_access))
        assert_int_equal(*gnttab_shared(machine_control.gnttab, REF1) >> 16,
                         (gs.page2.n << 32 | 7u << 16) >> 16);
    else
        assert_true(others_waited);
}

static void one_moment(void **state)
{
    static const struct operation op = { "map", nothing, map, true };

    (void)state;
    at_each_access(&op, theirs_entry_is_another, what_was_granted);
}

/* What the granter waits for: once the mark is off, nobody writes to the frame, not even by a TLB. */
static void granter_looks(void)
{
    if (!(grant_flags(REF1) & GTF_writing))
        assert_false(ghost_has(gs.page, true));
    if (!(grant_flags(REF1) & GTF_reading))
        assert_false(ghost_has(gs.page, false));
}

static void touched(void)
{
    mapped();
    ghost_step();
}

static void marks_go_last(void **state)
{
    static const struct operation ops[] = {
        { "unmap", touched, unmap, true }, { "unmap and replace", mapped_beside_own, replace, true }
    };

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        at_each_access(&ops[i], granter_looks, 0);
}

/* A word that never stands still: the request ends, refused, and the marks are as they were. */
static unsigned long changes;

static void word_changes(void)
{
    changes++;
    *gnttab_shared(machine_control.gnttab, REF1) ^= 1ul << 40;
    hooks.interrupt_at = 0;
}

static void entry_unstable(void **state)
{
    static const struct operation op = { "map", nothing, map, true };
    unsigned refused = 0;

    (void)state;
    /* One change is nothing: the request goes on with what it finds then. */
    for (unsigned long k = 1; k < 12; k++) {
        stage_for(&op);
        hooks.interrupt = word_changes;
        hooks.interrupt_at = k;
        refused += op.run() != 0;
        hooks_reset();
        machine_check("word changed once");
        machine_end();
    }
    assert_true(changes > 0);
    assert_true(refused < 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_at_every_step),  cmocka_unit_test(preempted_at_every_check),
        cmocka_unit_test(words_read_once),      cmocka_unit_test(others_at_every_access),
        cmocka_unit_test(two_unmap_one_handle), cmocka_unit_test(one_moment),
        cmocka_unit_test(marks_go_last),        cmocka_unit_test(entry_unstable),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
