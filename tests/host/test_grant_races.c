/* SPDX-License-Identifier: MIT */
/*
 * Grants with another CPU's operation at every access to a shared word (hazards G3, G4, G6): every rule
 * holds whatever others do there, one of two ends a mapping, and the granter is told last.
 */
#include "grant_ops.h"

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
        cmocka_unit_test(others_at_every_access),
        cmocka_unit_test(two_unmap_one_handle),
        cmocka_unit_test(one_moment),
        cmocka_unit_test(marks_go_last),
        cmocka_unit_test(entry_unstable),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
