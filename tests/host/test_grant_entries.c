/* SPDX-License-Identifier: MIT */
/*
 * What a granter offers, undisturbed: entries that it changes in use, entries for others, references at
 * the limits, frames of every type and of nobody (hazards G4, G5, G11, G12). What the mapper does is
 * test_grants's.
 */
#include "grants.h"

static uint32_t handle;

/* ---- the granter's changes of the entry (G4), its limits (G5) ----------------------- */

static void entry_in_use_is_what_it_was(void **state)
{
    uint32_t second;

    (void)state;
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map | GNTMAP_readonly, &handle), 0);
    grant_write(REF1, GTF_permit_access, machine_guest.id, gs.page2);
    assert_int_equal(grant_map_at(2, REF1, GNTMAP_host_map, &second), 0);
    assert_true(mfn_eq(pte_mfn(slot_entry(2)), gs.page));
    grant_write(REF1, GTF_permit_access | GTF_readonly, machine_guest.id, gs.page2);
    assert_int_equal(grant_unmap_at(2, second, MFN_NONE), 0);
    assert_int_equal(grant_map_at(2, REF1, GNTMAP_host_map, &second), GNTST_general_error);
    /* The marks come off the word as it is now, and only the marks. */
    grant_write(REF1, 0xffff, 7, gs.own);
    assert_int_equal(grant_unmap_at(1, handle, MFN_NONE), 0);
    assert_int_equal(grant_flags(REF1), 0xffff & ~GTF_reading);
}

/* What a copy is to write to has to be the frame that is in use; what it reads is that frame. */
static void copy_of_an_entry_in_use(void **state)
{
    (void)state;
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map | GNTMAP_readonly, &handle), 0);
    grant_write(REF1, GTF_permit_access, machine_guest.id, gs.page2);
    machine_poke(gs.page, 0, 0x1122334455667788);
    assert_int_equal(grant_copy_between(0, REF1), GNTST_general_error);
    assert_true(machine_peek(gs.page, 0) == 0x1122334455667788);
    assert_int_equal(grant_copy_between(REF1, 0), 0);
    assert_true(machine_peek(gs.own, 0) == 0x1122334455667788);
    grant_write(REF1, GTF_permit_access, machine_guest.id, mfn_of(frame_limit));
    assert_int_equal(grant_copy_between(0, REF1), GNTST_bad_page);
    grant_write(REF1, GTF_invalid, 0, mfn_of(0));
    assert_int_equal(grant_copy_between(0, REF1), GNTST_bad_page);
    assert_int_equal(grant_flags(REF1), GTF_invalid | GTF_reading);
    grant_write(REF1, GTF_permit_access | GTF_reading, machine_guest.id, gs.page);
    assert_int_equal(grant_copy_between(0, REF1), 0);
    assert_int_equal(grant_flags(REF1), GTF_permit_access | GTF_reading);
    assert_int_equal(grant_unmap_at(1, handle, MFN_NONE), 0);
    assert_int_equal(grant_flags(REF1), GTF_permit_access);
}

/* An entry is for one domain, and in use it is that one's, whatever the granter writes. */
static void entries_of_others(void **state)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = slot_va(1), .flags = GNTMAP_device_map, .ref = REF1, .dom = machine_control.id
    };
    const unsigned flags[] = { GTF_invalid, GTF_accept_transfer, GTF_transitive,
                               GTF_permit_access | GTF_sub_page };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        grant_write(REF1, flags[i], machine_guest.id, gs.page);
        assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), GNTST_general_error);
    }
    grant_write(REF1, GTF_permit_access, machine_control.id, gs.page);
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), GNTST_general_error);
    assert_int_equal(grant_copy_between(REF1, 0), GNTST_general_error);
    grant_write(REF1, GTF_permit_access, machine_guest.id, gs.page);
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), 0);
    grant_write(REF1, GTF_permit_access, machine_control.id, gs.page);
    machine_run(2);
    assert_int_equal(grant_call(GNTTABOP_map_grant_ref, &op, 1, sizeof(op)), 0);
    assert_int_equal(op.status, GNTST_general_error);
    machine_run(0);
    assert_int_equal(grant_unmap_at(1, handle, MFN_NONE), 0);
}

static void references_at_the_limits(void **state)
{
    const uint32_t refs[] = { GNTTAB_PER_FRAME - 1, GNTTAB_PER_FRAME, GNTTAB_PER_FRAME + 1,
                              GNTTAB_ACTIVE * 64, ~0u };

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        int status = i ? GNTST_bad_gntref : GNTST_general_error;

        assert_int_equal(grant_map_at(1, refs[i], GNTMAP_host_map, &handle), status);
        assert_int_equal(grant_copy_between(refs[i], 0), status);
    }
    machine_control.owner.dying = true;
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), GNTST_bad_domain);
    assert_int_equal(grant_copy_between(REF1, 0), GNTST_bad_domain);
    machine_control.owner.dying = false;
}

/* ---- frames of every type (G11, G12) ------------------------------------------------- */

static void types_exclude_each_other(void **state)
{
    mfn_t l1 = gs.other.l[1];

    (void)state;
    machine_run(2);
    assert_int_equal(op_pin(l1, 1), 0);
    machine_run(0);
    grant_write(REF1, GTF_permit_access, machine_guest.id, l1);
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), GNTST_general_error);
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_device_map, &handle), GNTST_general_error);
    assert_int_equal(grant_copy_between(0, REF1), GNTST_general_error);
    assert_int_equal(grant_copy_between(REF1, 0), 0);
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map | GNTMAP_readonly, &handle), 0);
    assert_int_equal(frame_type_refs(l1), 1);
    /* Read-only does not hold the type. */
    machine_run(2);
    assert_int_equal(op_unpin(l1), 0);
    assert_int_equal(op_pin(l1, 1), 0);
    assert_int_equal(op_unpin(l1), 0);
    machine_run(0);
    assert_int_equal(grant_map_at(2, REF1, GNTMAP_host_map, &handle), 0);
    machine_run(2);
    assert_int_equal(op_pin(l1, 1), -EINVAL);
    machine_run(0);
    assert_int_equal(grant_unmap_at(2, handle, MFN_NONE), 0);
    machine_run(2);
    assert_int_equal(op_pin(l1, 1), 0);
    assert_int_equal(op_unpin(l1), 0);
}

/* The table itself is no page table of its guest's. */
static void table_stays_writable(void **state)
{
    mfn_t shared = frame_of_va(machine_control.gnttab->shared[0]);

    (void)state;
    machine_run(2);
    for (unsigned level = 1; level <= 4; level++)
        assert_refused(-EINVAL, op_pin(shared, level));
    machine_run(0);
}

/* gnttab_max_frames=: what a table may grow to, and is said to. */
static void frames_at_most(void **state)
{
    struct gnttab_query_size size = { .dom = DOMID_SELF };

    (void)state;
    gnttab_frames_limit = 2;
    for (unsigned nr = 1; nr <= 3; nr++) {
        struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = nr };

        set_xen_guest_handle(setup.frame_list, (xen_pfn_t *)(GUEST_REQUESTS + 512));
        assert_int_equal(grant_call(GNTTABOP_setup_table, &setup, 1, sizeof(setup)), 0);
        assert_int_equal(setup.status, nr <= 2 ? GNTST_okay : GNTST_general_error);
    }
    assert_int_equal(grant_call(GNTTABOP_query_size, &size, 1, sizeof(size)), 0);
    assert_int_equal(size.nr_frames, 2);
    assert_int_equal(size.max_nr_frames, 2);
    gnttab_frames_limit = GNTTAB_FRAMES_DEFAULT;
}

static void frames_of_nobody(void **state)
{
    const mfn_t frames[] = { mfn_of(0), mfn_of(1), mfn_of(frame_limit), mfn_of(0xffffffff),
                             gs.own };

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        grant_write(REF1, GTF_permit_access, machine_guest.id, frames[i]);
        assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), GNTST_bad_page);
        assert_int_equal(grant_copy_between(REF1, 0), GNTST_bad_page);
        assert_int_equal(grant_flags(REF1), GTF_permit_access);
    }
}

/* Foreign on both sides; the same frame on both. */
static void copies(void **state)
{
    (void)state;
    machine_poke(gs.page2, 0, 0x1122334455667788);
    assert_int_equal(grant_copy_between(REF2, REF1), 0);
    assert_true(machine_peek(gs.page, 0) == 0x1122334455667788);
    assert_int_equal(grant_copy_between(REF1, REF1), 0);
    assert_int_equal(grant_copy_between(REF1, REF2), GNTST_general_error);
    assert_int_equal(grant_flags(REF1), GTF_permit_access);
    assert_int_equal(grant_flags(REF2), GTF_permit_access | GTF_readonly);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, grant_stage_make, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(entry_in_use_is_what_it_was),
        T(copy_of_an_entry_in_use),
        T(entries_of_others),
        T(references_at_the_limits),
        T(types_exclude_each_other),
        T(table_stays_writable),
        T(frames_of_nobody),
        T(frames_at_most),
        T(copies),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
