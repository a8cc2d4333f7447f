/* SPDX-License-Identifier: MIT */
/*
 * Every operation on grants, each from a stage of its own, for tests that disturb them all: what it is
 * prepared by, what is done, and whether it fails as a whole.
 */
#ifndef TESTS_HOST_GRANT_OPS_H
#define TESTS_HOST_GRANT_OPS_H

#include "grants.h"

static uint32_t handle, handle2;

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

/* A machine on which the operation can run, undisturbed. */
static inline void stage_for(const struct operation *op)
{
    void *unused = 0;

    grant_stage_make(&unused);
    op->prepare();
    hooks_reset();
}

#endif
