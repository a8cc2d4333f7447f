/*
 * SPDX-License-Identifier: MIT
 *
 * ask_grant_maps.c - GNTTABOP_map_grant_ref of this domain's own frames: what is accepted, the entry
 * that comes of it, and what is left behind.
 */
#include "ask.h"
#include "grant_spot.h"
#include "record.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/page.h"

static void flags(void)
{
    for (uint32_t high = 0; high < 9; high++)
        for (uint32_t f = 0; f < 64; f++) {
            struct gnttab_map_grant_ref op = map_of(spot, f | high << _GNTMAP_guest_avail0);

            if (high && (f & 0x21) != 0)
                continue;
            grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[KIND_A].mfn);
            ask("grant/map/flags/%x", op.flags);
            map_tell(&op);
            unmap_rest(&op);
            tell_pte("pte", spot_now(spot));
            told();
            spots_restore();
        }
}

static void entries(void)
{
    for (unsigned int f = 0; f < 512; f++)
        for (unsigned int ro = 0; ro < 2; ro++) {
            struct gnttab_map_grant_ref op =
                map_of(spot, GNTMAP_host_map | (ro ? GNTMAP_readonly : 0));

            grant_set(GRANT_REF, f, grant_self, kinds[KIND_A].mfn);
            ask("grant/map/entry/%x/%s", f, ro ? "ro" : "rw");
            map_tell(&op);
            unmap_rest(&op);
            told();
            spots_restore();
        }
}

static void frames(void)
{
    static const uint32_t how[] = { GNTMAP_host_map, GNTMAP_host_map | GNTMAP_readonly,
                                    GNTMAP_device_map, GNTMAP_device_map | GNTMAP_readonly };

    for (unsigned int kind = 0; kind < KINDS; kind++)
        for (unsigned int i = 0; i < 4 && kind != KIND_LAST; i++) {
            struct gnttab_map_grant_ref op = map_of(spot, how[i]);

            grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[kind].mfn);
            ask("grant/map/frame/%s/%x", kinds[kind].name, how[i]);
            map_tell(&op);
            unmap_rest(&op);
            told();
            spots_restore();
        }
}

static void domains(void)
{
    static const unsigned int domids[] = { 0, 1, 7, 0x7ff0, 0x7ff1, 0x7ff2, 0x7ff3, 0xffff };
    static const unsigned int refs[] = { 0, 1, 8, 511, 64 * 512, 0xffffffff };

    for (unsigned int i = 0; i < sizeof(domids) / sizeof(domids[0]); i++) {
        struct gnttab_map_grant_ref op = map_of(spot, GNTMAP_host_map);

        op.dom = (domid_t)domids[i];
        grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[KIND_A].mfn);
        ask("grant/map/domain/%x", domids[i]);
        map_tell(&op);
        unmap_rest(&op);
        told();
        spots_restore();
        op = map_of(spot, GNTMAP_host_map);
        grant_set(GRANT_REF, GTF_permit_access, domids[i], kinds[KIND_A].mfn);
        ask("grant/map/granted-to/%x", domids[i]);
        map_tell(&op);
        unmap_rest(&op);
        told();
        spots_restore();
    }
    for (unsigned int i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
        struct gnttab_map_grant_ref op = map_of(spot, GNTMAP_host_map);

        op.ref = refs[i];
        ask("grant/map/ref/%x", refs[i]);
        map_tell(&op);
        told();
    }
}

static void places(void)
{
    static const uint64_t vas[] = { 0,
                                    0x10,
                                    0x0000800000000000,
                                    0xffff7fffffffffff,
                                    HV_VA_START,
                                    0xffff830000000000,
                                    0xfffffffffffffff8 };
    uint64_t ma;

    grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[KIND_A].mfn);
    for (unsigned int i = 0; i < sizeof(vas) / sizeof(vas[0]); i++) {
        struct gnttab_map_grant_ref op = map_of(spot, GNTMAP_host_map);

        op.host_addr = vas[i];
        ask("grant/map/at/%lx", vas[i]);
        map_tell(&op);
        told();
    }
    (void)spot_entry(spot, &ma);
    for (unsigned int off = 1; off < 8; off++) {
        struct gnttab_map_grant_ref op = map_of(spot, GNTMAP_host_map | GNTMAP_contains_pte);

        op.host_addr = ma + off;
        ask("grant/map/pte-at/+%u", off);
        map_tell(&op);
        told();
    }
    for (unsigned int kind = 0; kind < KINDS; kind++) {
        struct gnttab_map_grant_ref op = map_of(spot, GNTMAP_host_map | GNTMAP_contains_pte);

        op.host_addr = mfn_to_ma(kinds[kind].mfn) + 8UL * STAGE_FREE;
        ask("grant/map/pte-in/%s", kinds[kind].name);
        map_tell(&op);
        unmap_rest(&op);
        told();
    }
}

/* As often as it goes. */
static void often(void)
{
    static struct gnttab_map_grant_ref ops[300];
    static struct gnttab_unmap_grant_ref uns[300];

    for (unsigned int ro = 0; ro < 2; ro++) {
        unsigned int good = 0;

        grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[KIND_A].mfn);
        for (unsigned int i = 0; i < 300; i++)
            ops[i] = map_of(spot, GNTMAP_device_map | (ro ? GNTMAP_readonly : 0));
        ask("grant/map/often/%s", ro ? "ro" : "rw");
        tell_rc(grant_op(GNTTABOP_map_grant_ref, ops, 300));
        for (unsigned int i = 0; i < 300; i++)
            if (!ops[i].status)
                uns[good++] = (struct gnttab_unmap_grant_ref){ .dev_bus_addr = ops[i].dev_bus_addr,
                                                               .handle = ops[i].handle };
        tell("good=%u last=%d", good, ops[299].status);
        grant_tell(GRANT_REF);
        tell_rc(grant_op(GNTTABOP_unmap_grant_ref, uns, good));
        for (unsigned int i = 0; i < good; i++)
            if (uns[i].status)
                tell("%u:%d", i, uns[i].status);
        grant_tell(GRANT_REF);
        told();
    }
}

/* The entry is changed while it is in use; both ways at once. */
static void in_use(void)
{
    struct gnttab_map_grant_ref first, second;
    gnttab_swap_grant_ref_t swap = { GRANT_REF, GRANT_REF2, 99 };

    for (unsigned int i = 0; i < 5; i++) {
        first = map_of(spot, GNTMAP_host_map | (i < 3 ? GNTMAP_readonly : 0));
        second = map_of(spot2, GNTMAP_host_map | (i == 4 ? GNTMAP_readonly : 0));
        grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[KIND_A].mfn);
        ask("grant/map/in-use/%u", i);
        map_tell(&first);
        (void)grant_op(GNTTABOP_swap_grant_ref, &swap, 1);
        tell("swap=%d", swap.status);
        if (i == 0)
            grant_set(GRANT_REF, GTF_permit_access, 1, kinds[KIND_B].mfn);
        if (i == 1)
            grant_set(GRANT_REF, GTF_permit_access | GTF_readonly, grant_self, kinds[KIND_B].mfn);
        if (i == 2)
            grant_set(GRANT_REF, GTF_invalid, grant_self, kinds[KIND_B].mfn);
        map_tell(&second);
        unmap_rest(&first);
        unmap_rest(&second);
        told();
        spots_restore();
    }
}

void ask_grant_maps(void)
{
    grants_make();
    spots_make();
    flags();
    entries();
    frames();
    domains();
    places();
    ask_grant_unmaps();
    often();
    in_use();
    grant_set(GRANT_REF, 0, 0, mfn_of(0));
}
