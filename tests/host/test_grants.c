/* SPDX-License-Identifier: MIT */
/*
 * Grants between two domains, undisturbed: every kind of mapping and of its end, entries that the
 * mapper overwrites (hazards G1, G2). After each request the auditor recounts everything, pins and
 * handles too. What the granter offers is test_grant_entries's.
 */
#include "grants.h"

#define PARTS (GNTMAP_device_map | GNTMAP_host_map)

static uint32_t handle;

/* ---- parts ---------------------------------------------------------------------- */

/* Each combination of flags, unmapped in each order of its parts: the end is the start. */
static void every_part_ends_once(void **state)
{
    (void)state;
    for (uint32_t flags = 1; flags < 32; flags++) {
        for (unsigned order = 0; order < 4; order++) {
            bool device = flags & GNTMAP_device_map, host = flags & GNTMAP_host_map;
            mfn_t bus = device ? gs.page : MFN_NONE;
            unsigned rw = flags & GNTMAP_readonly ? 0 : 1;

            if (!(flags & PARTS))
                continue;
            machine_note("flags %x, order %u", flags, order);
            assert_int_equal(grant_map_at(1, REF1, flags, &handle), 0);
            assert_int_equal(grant_pins_of(REF1), grant_pins(flags, flags));
            assert_int_equal(frame_refs(gs.page), 1 + device + host);
            assert_int_equal(frame_type_refs(gs.page), (device + host) * rw);
            assert_int_equal(grant_flags(REF1),
                             GTF_permit_access | GTF_reading | (rw ? GTF_writing : 0));
            if (flags & GNTMAP_contains_pte) {
                struct gnttab_unmap_grant_ref op = {
                    .host_addr = mfn_to_ma(gs.tree.l[1]) + 8,
                    .dev_bus_addr = device ? mfn_to_ma(bus) : 0,
                    .handle = handle,
                };

                assert_int_equal(grant_call(GNTTABOP_unmap_grant_ref, &op, 1, sizeof(op)), 0);
                assert_int_equal(op.status, 0);
            } else if (order < 2) {
                assert_int_equal(grant_unmap_at(order, handle, order ? bus : MFN_NONE), 0);
                assert_int_equal(grant_unmap_at(1, handle, bus),
                                 order && (host || device) ? GNTST_bad_handle : 0);
            } else {
                /* One part, then the other; a part that is not there is no error. */
                (void)grant_unmap_at(order == 2, handle, order == 2 ? MFN_NONE : bus);
                (void)grant_unmap_at(order == 3, handle, order == 3 ? MFN_NONE : bus);
            }
            assert_int_equal(grant_unmap_at(1, handle, bus), GNTST_bad_handle);
            assert_int_equal(grant_pins_of(REF1), 0);
            assert_int_equal(grant_flags(REF1), GTF_permit_access);
            assert_int_equal(slot_entry(1), 0);
            assert_int_equal(frame_refs(gs.page), 1);
            assert_int_equal(frame_type_refs(gs.page), 0);
        }
    }
}

/* The entry, bit by bit, as the flags ask for it; but for what marks it a kernel's (test_entries). */
static void the_entry_of_a_mapping(void **state)
{
    const uint64_t kernels = PTE_U | PTE_G | 1ul << 52;

    (void)state;
    for (uint32_t flags = 0; flags < 16; flags++) {
        uint32_t asked = GNTMAP_host_map | (flags & 1 ? GNTMAP_readonly : 0) |
                         (flags & 2 ? GNTMAP_application_map : 0) |
                         (flags >> 2) << _GNTMAP_guest_avail0;
        uint64_t want = PTE_P | PTE_A | PTE_D | PTE_NX | (flags & 1 ? 0 : PTE_RW) |
                        (flags >> 2) * PTE_AVAIL0;

        assert_int_equal(grant_map_at(1, REF1, asked, &handle), 0);
        assert_int_equal(slot_entry(1) & ~kernels, pte_make(gs.page, want));
        assert_int_equal(grant_unmap_at(1, handle, MFN_NONE), 0);
    }
}

/* Thirty-two go to one flush, and others may run after each. */
static void many_unmapped_in_pieces(void **state)
{
    static struct gnttab_unmap_grant_ref ops[65];

    (void)state;
    for (unsigned i = 0; i < 65; i++)
        ops[i] = (struct gnttab_unmap_grant_ref){ .handle = 1u << 20, .status = 99 };
    hooks_reset();
    hooks.preempt_at = ALWAYS;
    assert_int_equal(grant_call(GNTTABOP_unmap_grant_ref, ops, 65, sizeof(ops)), 0);
    assert_int_equal(machine_restarts, 2);
    for (unsigned i = 0; i < 65; i++)
        assert_int_equal(ops[i].status, GNTST_bad_handle);
}

/* The marks go with the last of their kind. */
static void marks_follow_pins(void **state)
{
    uint32_t reader, writer;

    (void)state;
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map | GNTMAP_readonly, &reader), 0);
    assert_int_equal(grant_flags(REF1), GTF_permit_access | GTF_reading);
    assert_int_equal(grant_map_at(2, REF1, GNTMAP_host_map, &writer), 0);
    assert_int_equal(grant_flags(REF1), GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(grant_copy_between(0, REF1), 0);
    assert_int_equal(grant_flags(REF1), GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(grant_unmap_at(2, writer, MFN_NONE), 0);
    assert_int_equal(grant_flags(REF1), GTF_permit_access | GTF_reading);
    assert_int_equal(grant_unmap_at(1, reader, MFN_NONE), 0);
    assert_int_equal(grant_flags(REF1), GTF_permit_access);
}

static void as_often_as_the_counters_go(void **state)
{
    uint32_t handles[130];
    unsigned n = 0;

    (void)state;
    while (n < 130 && !grant_map_at(0, REF1, GNTMAP_device_map | GNTMAP_readonly, &handles[n]))
        n++;
    assert_int_equal(n, 128);
    assert_int_equal(grant_copy_between(REF1, 0), GNTST_general_error);
    while (n--)
        assert_int_equal(grant_unmap_at(0, handles[n], gs.page), 0);
    assert_int_equal(grant_flags(REF1), GTF_permit_access);
}

/* More mappings than a page of handles holds; each handle is another. */
static void handles_beyond_a_page(void **state)
{
    static uint32_t handles[GNTTAB_HANDLES + 10];
    unsigned count = sizeof(handles) / sizeof(handles[0]);

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        grant_write(20 + i / 100, GTF_permit_access, machine_guest.id, gs.page);
        assert_int_equal(grant_map_at(0, 20 + i / 100, GNTMAP_device_map, &handles[i]), 0);
        for (unsigned k = 0; k < i; k += 37)
            assert_int_not_equal(handles[k], handles[i]);
    }
    for (unsigned i = count; i-- > 0;)
        assert_int_equal(grant_unmap_at(0, handles[i], gs.page), 0);
    assert_int_equal(machine_guest.gnttab->handles, 0);
}

/* ---- the mapper's own changes of the entry (G2) ------------------------------------ */

static void unmap_refused(unsigned slot, uint32_t h)
{
    struct snapshot *before = snapshot_take();

    assert_int_equal(grant_unmap_at(slot, h, MFN_NONE), GNTST_general_error);
    assert_true(snapshot_same(before));
    snapshot_free(before);
}

static void entry_overwritten(void **state)
{
    const uint64_t others[] = { 0, pte_make(gs.own, LEAF_RW), pte_make(gs.own, LEAF_RO) };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), 0);
        assert_int_equal(i & 1 ? op_update(gs.tree.l[1], 1, others[i])
                               : op_update_va(slot_va(1), others[i], 0),
                         0);
        /* The reference went with the entry; the entry of the table stays in use. */
        assert_int_equal(frame_refs(gs.page), 1);
        unmap_refused(1, handle);
        assert_int_equal(grant_flags(REF1), GTF_permit_access | GTF_reading | GTF_writing);
        /* No entry of one's own for another domain's frame: only a grant makes one again. */
        assert_refused(-EBUSY, op_update(gs.tree.l[1], 1, pte_make(gs.page, LEAF_RW)));
        while (!gnttab_unmap_all(&machine_guest))
            ;
        machine_check("handles gone");
        assert_int_equal(grant_flags(REF1), GTF_permit_access);
        assert_int_equal(op_update(gs.tree.l[1], 1, 0), 0);
        grant_handle_return(machine_guest.gnttab, grant_handle_take(machine_guest.gnttab));
    }
}

static void rights_changed(void **state)
{
    (void)state;
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map | GNTMAP_readonly, &handle), 0);
    /* To writable: refused by every way. */
    assert_refused(-EBUSY, op_update(gs.tree.l[1], 1, slot_entry(1) | PTE_RW));
    assert_refused(-EBUSY, op_update_va(slot_va(1), slot_entry(1) | PTE_RW, 0));
    /* Bits that mean nothing to references. */
    assert_int_equal(op_update(gs.tree.l[1], 1, slot_entry(1) ^ PTE_AVAIL0), 0);
    assert_int_equal(grant_unmap_at(1, handle, MFN_NONE), 0);
    /* From writable to read-only: a new entry for a frame that is another's. */
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), 0);
    assert_refused(-EBUSY, op_update(gs.tree.l[1], 1, slot_entry(1) & ~PTE_RW));
    assert_int_equal(grant_unmap_at(1, handle, MFN_NONE), 0);
}

/* Of one's own frame one may make any entry; only one with the mapping's rights is the mapping's. */
static void rights_of_ones_own(void **state)
{
    const uint64_t rights[] = { LEAF_RW, LEAF_RO };

    (void)state;
    *gnttab_shared(machine_guest.gnttab, REF1) = gs.own.n << 32 | (uint64_t)machine_guest.id << 16 |
                                                 GTF_permit_access;
    for (unsigned ro = 0; ro < 2; ro++) {
        struct gnttab_map_grant_ref op = { .host_addr = slot_va(1),
                                           .flags = GNTMAP_host_map | (ro ? GNTMAP_readonly : 0),
                                           .ref = REF1,
                                           .dom = machine_guest.id };

        assert_int_equal(grant_call(GNTTABOP_map_grant_ref, &op, 1, sizeof(op)), 0);
        assert_int_equal(op.status, 0);
        assert_int_equal(op_update(gs.tree.l[1], 1, pte_make(gs.own, rights[!ro])), 0);
        unmap_refused(1, op.handle);
        assert_int_equal(op_update(gs.tree.l[1], 1, pte_make(gs.own, rights[ro])), 0);
        assert_int_equal(grant_unmap_at(1, op.handle, MFN_NONE), 0);
        assert_int_equal(frame_refs(gs.own), 1);
    }
}

static void table_gone(void **state)
{
    (void)state;
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), 0);
    assert_int_equal(op_update(gs.tree.l[2], GUEST_SLOT, 0), 0);
    /* The L1 was taken apart, and its entries' references with it; what stands in it means nothing. */
    assert_int_equal(frame_refs(gs.page), 1);
    unmap_refused(1, handle);
    /* It cannot become a table again with that entry. */
    assert_refused(-EBUSY, op_update(gs.tree.l[2], GUEST_SLOT, pte_make(gs.tree.l[1], BRANCH)));
}

/* A mapping that moved: any entry for the frame, with the same rights, may go in its place. */
static void entries_exchanged(void **state)
{
    uint32_t second;

    (void)state;
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), 0);
    assert_int_equal(grant_map_at(2, REF1, GNTMAP_host_map, &second), 0);
    assert_int_equal(grant_unmap_at(2, handle, MFN_NONE), 0);
    unmap_refused(2, second);
    assert_int_equal(grant_unmap_at(1, second, MFN_NONE), 0);
    assert_int_equal(grant_flags(REF1), GTF_permit_access);
}

static void replaced(void **state)
{
    (void)state;
    assert_int_equal(op_update(gs.tree.l[1], 2, pte_make(gs.own, LEAF_RW)), 0);
    assert_int_equal(grant_map_at(1, REF1, GNTMAP_host_map, &handle), 0);
    assert_int_equal(grant_replace_at(1, 2, handle), 0);
    assert_true(mfn_eq(pte_mfn(slot_entry(1)), gs.own));
    assert_int_equal(slot_entry(2), 0);
    assert_int_equal(frame_refs(gs.page), 1);
    assert_int_equal(frame_refs(gs.own), 2);
    /* Nothing to replace: what was to take the place is lost, as by Xen, and counted. */
    assert_int_equal(grant_map_at(3, REF1, GNTMAP_host_map, &handle), 0);
    assert_int_equal(grant_replace_at(2, 1, handle), GNTST_general_error);
    assert_int_equal(slot_entry(1), 0);
    assert_int_equal(frame_refs(gs.own), 1);
    assert_int_equal(grant_unmap_at(3, handle, MFN_NONE), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, grant_stage_make, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(every_part_ends_once),        T(the_entry_of_a_mapping),
        T(many_unmapped_in_pieces),     T(marks_follow_pins),
        T(as_often_as_the_counters_go), T(handles_beyond_a_page),
        T(entry_overwritten),           T(rights_changed),
        T(rights_of_ones_own),          T(table_gone),
        T(entries_exchanged),           T(replaced),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
