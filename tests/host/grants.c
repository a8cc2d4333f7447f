/* SPDX-License-Identifier: MIT */
/* The stage of the grant tests, and requests as a guest makes them; see grants.h. */
#include "grants.h"

#include <string.h>

struct grant_stage gs;

int grant_stage_make(void **state)
{
    (void)state;
    machine_begin(96);
    machine_grants();
    gs.tree = machine_tree(&machine_guest, LEAF_RW);
    gs.other = machine_tree(&machine_control, LEAF_RW);
    gs.page = machine_page(&machine_control);
    gs.page2 = machine_page(&machine_control);
    gs.own = machine_page(&machine_guest);
    /* The mapper's first handles are there already: what they took is no trace of a request. */
    grant_handle_return(machine_guest.gnttab, grant_handle_take(machine_guest.gnttab));
    machine_run(2);
    tlb_load_root(idle_root_pa);
    machine_run(1);
    op_first_root(gs.tree.l[4]);
    machine_run(0);
    op_first_root(gs.tree.l[4]);
    grant_write(REF1, GTF_permit_access, machine_guest.id, gs.page);
    grant_write(REF2, GTF_permit_access | GTF_readonly, machine_guest.id, gs.page2);
    hooks_reset();
    return 0;
}

uint64_t slot_entry(unsigned n)
{
    return machine_peek(gs.tree.l[1], n);
}

void grant_write(uint32_t ref, unsigned flags, uint16_t domid, mfn_t frame)
{
    *gnttab_shared(machine_control.gnttab, ref) = frame.n << 32 | (uint64_t)domid << 16 | flags;
}

unsigned grant_flags(uint32_t ref)
{
    return (uint16_t)*gnttab_shared(machine_control.gnttab, ref);
}

uint32_t grant_pins_of(uint32_t ref)
{
    return gnttab_active(machine_control.gnttab, ref)->pins;
}

long grant_call(unsigned cmd, void *ops, uint32_t count, size_t bytes)
{
    long rc;

    memcpy(machine_requests(), ops, bytes);
    rc = machine_hypercall(hc_grant_table_op, cmd, GUEST_REQUESTS, count, 0);
    memcpy(ops, machine_requests(), bytes);
    machine_check("grant_table_op");
    return rc;
}

static uint64_t host_addr(unsigned slot, uint32_t flags)
{
    return flags & GNTMAP_contains_pte ? mfn_to_ma(gs.tree.l[1]) + slot * sizeof(uint64_t)
                                       : slot_va(slot);
}

int grant_map_at(unsigned slot, uint32_t ref, uint32_t flags, uint32_t *handle)
{
    struct gnttab_map_grant_ref op = { .host_addr = host_addr(slot, flags),
                                       .flags = flags,
                                       .ref = ref,
                                       .dom = machine_control.id,
                                       .status = 99 };

    assert_int_equal(grant_call(GNTTABOP_map_grant_ref, &op, 1, sizeof(op)), 0);
    if (!op.status)
        *handle = op.handle;
    return op.status;
}

int grant_unmap_at(unsigned slot, uint32_t handle, mfn_t device)
{
    struct gnttab_unmap_grant_ref op = { .handle = handle, .status = 99 };

    if (slot)
        op.host_addr = slot_va(slot);
    if (!mfn_eq(device, MFN_NONE))
        op.dev_bus_addr = mfn_to_ma(device);
    assert_int_equal(grant_call(GNTTABOP_unmap_grant_ref, &op, 1, sizeof(op)), 0);
    return op.status;
}

int grant_replace_at(unsigned slot, unsigned new_slot, uint32_t handle)
{
    struct gnttab_unmap_and_replace op = {
        .host_addr = slot_va(slot), .new_addr = slot_va(new_slot), .handle = handle, .status = 99
    };

    assert_int_equal(grant_call(GNTTABOP_unmap_and_replace, &op, 1, sizeof(op)), 0);
    return op.status;
}

static struct gnttab_copy_ptr side(uint32_t ref)
{
    struct gnttab_copy_ptr p = { .domid = ref ? machine_control.id : DOMID_SELF };

    if (ref)
        p.u.ref = ref;
    else
        p.u.gmfn = gs.own.n;
    return p;
}

int grant_copy_between(uint32_t from, uint32_t to)
{
    struct gnttab_copy op = { .source = side(from),
                              .dest = side(to),
                              .len = 8,
                              .flags = (uint16_t)((from ? GNTCOPY_source_gref : 0) |
                                                  (to ? GNTCOPY_dest_gref : 0)),
                              .status = 99 };

    assert_int_equal(grant_call(GNTTABOP_copy, &op, 1, sizeof(op)), 0);
    return op.status;
}
