/* SPDX-License-Identifier: MIT */
/*
 * What grants leave behind: either side dies with mappings outstanding, in each order; a frame that
 * changes hands while its handle lives (hazards G10, G13). machine_end() finds each frame that does
 * not come back.
 */
#include "grants.h"

#include "dom/teardown.h"
#include "mm/page_alloc.h"
#include "mm/tlb.h"

static uint32_t handle, handle2;

/* A domain's end as dom/domain.c makes it; its vCPUs do not run. Result: frames that are still held. */
static uint32_t dies(struct domain *d)
{
    uint32_t left;

    for (unsigned n = 0; n < MACHINE_VCPUS; n++) {
        if (machine_vcpu[n].domain != d)
            continue;
        machine_run(n);
        tlb_load_root(idle_root_pa);
    }
    machine_run(d == &machine_guest ? 2 : 0);
    d->owner.dying = true;
    left = teardown_memory(d);
    machine_check("dead");
    return left;
}

static void mapped_every_way(void)
{
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), 0);
    assert_int_equal(grant_map_at(2, REF2, GNTMAP_host_map | GNTMAP_readonly, &handle2), 0);
    assert_int_equal(grant_map_at(3, REF1, GNTMAP_host_map | GNTMAP_device_map, &handle2), 0);
    assert_int_equal(grant_map_at(0, REF2, GNTMAP_device_map | GNTMAP_readonly, &handle2), 0);
}

/* All is as if it had never been: the granter's pages are its own again, whatever the mapper did. */
static void mapper_dies(void **state)
{
    (void)state;
    mapped_every_way();
    (void)dies(&machine_guest);
    assert_int_equal(grant_flags(REF1), GTF_permit_access);
    assert_int_equal(grant_flags(REF2), GTF_permit_access | GTF_readonly);
    assert_int_equal(frame_refs(gs.page), 1);
    assert_int_equal(frame_refs(gs.page2), 1);
    assert_int_equal(frame_type_refs(gs.page), 0);
    assert_true(gnttab_idle(&machine_control));
}

/* The mapped frames stay, with their contents and their owner's name, until they are unmapped. */
static void granter_dies(void **state)
{
    uint64_t free_frames;

    (void)state;
    machine_poke(gs.page, 0, 0x1234);
    mapped_every_way();
    assert_true(dies(&machine_control) >= 2);
    assert_false(gnttab_idle(&machine_control));
    machine_run(0);
    assert_int_equal(frame_owner(gs.page), machine_control.id);
    assert_true(machine_peek(gs.page, 0) == 0x1234);
    assert_int_equal(grant_map_at(4 % PT_ENTRIES, REF1, GNTMAP_host_map, &handle2),
                     GNTST_bad_domain);
    free_frames = page_free_count();
    assert_int_equal(grant_unmap_at(1, handle, MFN_NONE), 0);
    assert_int_equal(page_free_count(), free_frames);
    for (unsigned slot = 1; slot < 4; slot++)
        assert_int_equal(op_update(gs.tree.l[1], slot, 0), 0);
    while (!gnttab_unmap_all(&machine_guest))
        ;
    assert_true(page_free_count() >= free_frames + 2);
    assert_int_equal(frame_owner(gs.page), OWNER_NONE);
    assert_true(gnttab_idle(&machine_control));
    gnttab_destroy(&machine_control);
    machine_check("the granter's table gone");
    assert_int_equal(machine_control.owner.pages, 0);
}

static void granter_then_mapper(void **state)
{
    (void)state;
    mapped_every_way();
    assert_true(dies(&machine_control) >= 2);
    assert_int_equal(dies(&machine_guest), 0);
    assert_int_equal(machine_control.owner.pages, 0);
    assert_true(gnttab_idle(&machine_control));
}

static void mapper_then_granter(void **state)
{
    (void)state;
    mapped_every_way();
    assert_int_equal(dies(&machine_guest), 0);
    assert_int_equal(dies(&machine_control), 0);
    assert_int_equal(machine_control.owner.pages, 0);
}

/* To oneself: the handles and the table go together. */
static void grants_to_oneself(void **state)
{
    struct gnttab_map_grant_ref op = { .host_addr = slot_va(1),
                                       .flags = GNTMAP_host_map | GNTMAP_device_map,
                                       .ref = REF1,
                                       .dom = machine_guest.id };

    (void)state;
    *gnttab_shared(machine_guest.gnttab, REF1) = gs.own.n << 32 | (uint64_t)machine_guest.id << 16 |
                                                 GTF_permit_access;
    assert_int_equal(grant_call(GNTTABOP_map_grant_ref, &op, 1, sizeof(op)), 0);
    assert_int_equal(op.status, 0);
    assert_int_equal(dies(&machine_guest), 0);
    assert_true(gnttab_idle(&machine_guest));
}

/*
 * The entry of a host mapping is overwritten, so that the frame goes back; the mapper gets it as its
 * own, makes an entry like the mapping's, and unmaps: the entry goes, with its own reference.
 */
static void frame_changes_hands(void **state)
{
    mfn_t taken[96];
    unsigned n = 0;

    (void)state;
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), 0);
    assert_int_equal(op_update(gs.tree.l[1], 1, 0), 0);
    assert_true(owner_release(&machine_control.owner, gs.page));
    assert_int_equal(frame_owner(gs.page), OWNER_NONE);
    machine_check("given back while its entry is in use");
    do
        taken[n] = machine_page(&machine_guest);
    while (!mfn_eq(taken[n++], gs.page));
    /* The entry is in use, for a frame that is not the granter's any more. */
    assert_int_equal(grant_map_at(2, REF1, GNTMAP_host_map, &handle2), GNTST_general_error);
    assert_int_equal(grant_copy_between(REF1, 0), GNTST_bad_domain);
    assert_int_equal(op_update(gs.tree.l[1], 1, pte_make(gs.page, LEAF_RW)), 0);
    assert_int_equal(grant_unmap_at(1, handle, MFN_NONE), 0);
    assert_int_equal(frame_refs(gs.page), 1);
    assert_int_equal(slot_entry(1), 0);
    assert_int_equal(grant_unmap_at(1, handle, MFN_NONE), GNTST_bad_handle);
    assert_int_equal(grant_flags(REF1), GTF_permit_access);
    machine_check("unmapped");
}

/* A device mapping holds the frame itself. */
static void device_mapping_holds(void **state)
{
    (void)state;
    assert_int_equal(grant_map_at(0, REF1, GNTMAP_device_map, &handle), 0);
    assert_true(owner_release(&machine_control.owner, gs.page));
    assert_int_equal(frame_owner(gs.page), machine_control.id);
    assert_int_equal(frame_refs(gs.page), 1);
    assert_int_equal(grant_unmap_at(0, handle, gs.page), 0);
    assert_int_equal(frame_owner(gs.page), OWNER_NONE);
    assert_int_equal(grant_flags(REF1), GTF_permit_access);
}

/* A table with the entry of a mapping in it that is pinned by nobody goes, and the mapping with it. */
static void table_dies_before_handle(void **state)
{
    (void)state;
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), 0);
    assert_int_equal(op_update(gs.tree.l[3], GUEST_SLOT, 0), 0);
    assert_int_equal(frame_refs(gs.page), 1);
    assert_true(owner_release(&machine_control.owner, gs.page));
    assert_int_equal(frame_owner(gs.page), OWNER_NONE);
    (void)dies(&machine_guest);
    assert_int_equal(grant_flags(REF1), GTF_permit_access);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, grant_stage_make, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(mapper_dies),          T(granter_dies),
        T(granter_then_mapper),  T(mapper_then_granter),
        T(grants_to_oneself),    T(frame_changes_hands),
        T(device_mapping_holds), T(table_dies_before_handle),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
