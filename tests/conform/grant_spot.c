/*
 * SPDX-License-Identifier: MIT
 *
 * grant_spot.c - where the suite maps grants; see grant_spot.h.
 */
#include "grant_spot.h"
#include "record.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/page.h"
#include "mm/walk.h"

pfn_t spot, spot2;

void spots_make(void)
{
    spot = page_alloc_zero(PAGE_KERNEL);
    spot2 = page_alloc_zero(PAGE_KERNEL);
    record_name(p2m(spot), "spot");
    record_name(p2m(spot2), "spot2");
}

const pte_t *spot_entry(pfn_t pfn, uint64_t *ma)
{
    struct walk w = pt_walk(aspace_root(&kernel_aspace), (uint64_t)page_va(pfn));

    *ma = walk_slot_ma(&w, 1);
    return w.slot[1];
}

pte_t spot_now(pfn_t pfn)
{
    uint64_t ma;

    return *(const volatile pte_t *)spot_entry(pfn, &ma);
}

void spots_restore(void)
{
    must(page_rights(spot, PTE_P | PTE_RW), "spot");
    must(page_rights(spot2, PTE_P | PTE_RW), "spot2");
}

struct gnttab_map_grant_ref map_of(pfn_t where, uint32_t flags)
{
    struct gnttab_map_grant_ref op = { .flags = flags, .ref = GRANT_REF, .dom = grant_self };

    op.status = 99;
    op.handle = 0xabcd;
    op.host_addr = (uint64_t)page_va(where);
    if (flags & GNTMAP_contains_pte)
        (void)spot_entry(where, &op.host_addr);
    return op;
}

void map_tell(struct gnttab_map_grant_ref *op)
{
    tell_rc(grant_op(GNTTABOP_map_grant_ref, op, 1));
    tell("status=%d", op->status);
    if (op->status)
        tell("bus=%lx handle=%x", op->dev_bus_addr, op->handle);
    else
        tell("bus=%s", record_frame(ma_to_mfn(op->dev_bus_addr)));
    tell_pte("pte", spot_now(spot));
    grant_tell(GRANT_REF);
}

int unmap_tell(struct gnttab_unmap_grant_ref *op)
{
    op->status = 99;
    tell_rc(grant_op(GNTTABOP_unmap_grant_ref, op, 1));
    tell("status=%d", op->status);
    tell_pte("pte", spot_now(spot));
    grant_tell(GRANT_REF);
    return op->status;
}

void unmap_rest(const struct gnttab_map_grant_ref *map)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = map->host_addr, .handle = map->handle };

    if (map->status)
        return;
    if (map->flags & GNTMAP_device_map)
        op.dev_bus_addr = map->dev_bus_addr;
    (void)grant_op(GNTTABOP_unmap_grant_ref, &op, 1);
    tell("rest=%d", op.status);
    grant_tell(GRANT_REF);
}
