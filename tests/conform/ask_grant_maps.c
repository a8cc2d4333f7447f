/*
 * SPDX-License-Identifier: MIT
 *
 * ask_grant_maps.c - GNTTABOP_map_grant_ref, unmap_grant_ref and unmap_and_replace, of this domain's
 * own frames: what is accepted, the entry that comes of it, and what is left behind.
 */
#include "ask.h"
#include "grants.h"
#include "record.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/page.h"
#include "mm/walk.h"

/* Pages whose mapping in the direct map gives way to a grant's. */
static pfn_t spot, spot2;

static const pte_t *spot_entry(pfn_t pfn, uint64_t *ma)
{
    struct walk w = pt_walk(aspace_root(&kernel_aspace), (uint64_t)page_va(pfn));

    *ma = walk_slot_ma(&w, 1);
    return w.slot[1];
}

static pte_t spot_now(pfn_t pfn)
{
    uint64_t ma;

    return *(const volatile pte_t *)spot_entry(pfn, &ma);
}

static void spots_restore(void)
{
    must(page_rights(spot, PTE_P | PTE_RW), "spot");
    must(page_rights(spot2, PTE_P | PTE_RW), "spot2");
}

static struct gnttab_map_grant_ref map_of(pfn_t where, uint32_t flags)
{
    struct gnttab_map_grant_ref op = { .flags = flags, .ref = GRANT_REF, .dom = grant_self };

    op.status = 99;
    op.handle = 0xabcd;
    op.host_addr = (uint64_t)page_va(where);
    if (flags & GNTMAP_contains_pte)
        (void)spot_entry(where, &op.host_addr);
    return op;
}

static void map_tell(struct gnttab_map_grant_ref *op)
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

static int unmap_tell(struct gnttab_unmap_grant_ref *op)
{
    op->status = 99;
    tell_rc(grant_op(GNTTABOP_unmap_grant_ref, op, 1));
    tell("status=%d", op->status);
    tell_pte("pte", spot_now(spot));
    grant_tell(GRANT_REF);
    return op->status;
}

/* All of a mapping that is still there. */
static void unmap_rest(const struct gnttab_map_grant_ref *map)
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

/* Map, the guest's own change of the entry, unmap. */
static void overwritten(void)
{
    static const struct {
        const char *name;
        uint64_t pte; /* flags; bit 62: of frame b, bit 61: of frame a */
    } changes[] = {
        { "gone", 0 },
        { "ro", 1UL << 61 | PTE_P | PTE_NX },
        { "rw", 1UL << 61 | PTE_P | PTE_RW | PTE_NX },
        { "avail", 1UL << 61 | PTE_P | PTE_RW | PTE_NX | PTE_AVAIL },
        { "user", 1UL << 61 | PTE_P | PTE_RW | PTE_U },
        { "not-present", 1UL << 61 | PTE_RW },
        { "other", 1UL << 62 | PTE_P | PTE_RW | PTE_NX },
    };
    const uint64_t marks = 3UL << 61;

    for (unsigned int i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        for (unsigned int ro = 0; ro < 2; ro++) {
            struct gnttab_map_grant_ref op =
                map_of(spot, GNTMAP_host_map | (ro ? GNTMAP_readonly : 0));
            struct gnttab_unmap_grant_ref un = { 0 };
            mfn_t frame = kinds[changes[i].pte >> 62 & 1 ? KIND_B : KIND_A].mfn;

            grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[KIND_A].mfn);
            ask("grant/map/overwritten/%s/%s", changes[i].name, ro ? "ro" : "rw");
            map_tell(&op);
            tell_rc(hypercall_update_va_mapping(op.host_addr,
                                                (changes[i].pte & marks ? mfn_to_ma(frame) : 0) |
                                                    (changes[i].pte & ~marks),
                                                UVMF_INVLPG));
            un = (struct gnttab_unmap_grant_ref){ .host_addr = op.host_addr, .handle = op.handle };
            if (unmap_tell(&un)) {
                /* An entry of one's own makes it a mapping again. */
                must(hypercall_update_va_mapping(op.host_addr,
                                                 mfn_to_ma(kinds[KIND_A].mfn) | PTE_P |
                                                     (ro ? 0 : PTE_RW) | PTE_NX,
                                                 UVMF_INVLPG),
                     "entry");
                (void)unmap_tell(&un);
            }
            (void)unmap_tell(&un);
            told();
            spots_restore();
        }
}

static void unmaps(void)
{
    for (unsigned int f = 1; f < 8; f++) { /* device, host, readonly */
        for (unsigned int parts = 0; parts < 8; parts++) {
            struct gnttab_map_grant_ref op = map_of(spot, f);
            struct gnttab_unmap_grant_ref un = { 0 };

            if (!(f & 3))
                continue;
            grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[KIND_A].mfn);
            ask("grant/map/parts/%x/%x", f, parts);
            map_tell(&op);
            un.handle = op.handle;
            un.host_addr = parts & 1 ? op.host_addr : 0;
            un.dev_bus_addr = parts & 2 ? op.dev_bus_addr + (parts & 4 ? PAGE_SIZE : 0) : 0;
            (void)unmap_tell(&un);
            (void)unmap_tell(&un);
            unmap_rest(&op);
            unmap_rest(&op);
            told();
            spots_restore();
        }
    }
    for (unsigned int i = 0; i < 4; i++) {
        static const uint32_t handles[] = { 0x10000, 0x40000, 0x7fffffff, 0xffffffff };
        struct gnttab_unmap_grant_ref un = { .host_addr = (uint64_t)page_va(spot),
                                             .handle = handles[i] };

        ask("grant/map/handle/%x", handles[i]);
        (void)unmap_tell(&un);
        told();
    }
}

/* Where the mapping is said to be, and what takes its place. */
static void replaces(void)
{
    static const char *const cases[] = { "plain",    "none",       "same",       "absent",
                                         "no-table", "hypervisor", "wrong-host", "pte" };

    for (unsigned int i = 0; i < 8; i++) {
        struct gnttab_map_grant_ref op =
            map_of(spot, GNTMAP_host_map | (i == 7 ? GNTMAP_contains_pte : 0));
        struct gnttab_unmap_and_replace un = { .status = 99 };

        grant_set(GRANT_REF, GTF_permit_access, grant_self, kinds[KIND_A].mfn);
        ask("grant/map/replace/%s", cases[i]);
        map_tell(&op);
        un.handle = op.handle;
        un.host_addr = i == 6 ? (uint64_t)page_va(kinds[KIND_B].pfn) : op.host_addr;
        un.new_addr = (uint64_t)page_va(spot2);
        if (i == 1)
            un.new_addr = 0;
        if (i == 2)
            un.new_addr = op.host_addr;
        if (i == 3)
            must(page_rights(spot2, 0), "absent");
        if (i == 4)
            un.new_addr = 0x10;
        if (i == 5)
            un.new_addr = HV_VA_START;
        tell_rc(grant_op(GNTTABOP_unmap_and_replace, &un, 1));
        tell("status=%d", un.status);
        tell("spot=%s", spot_now(spot) & PTE_P ? record_frame(pte_mfn(spot_now(spot))) : "absent");
        tell("spot2=%s",
             spot_now(spot2) & PTE_P ? record_frame(pte_mfn(spot_now(spot2))) : "absent");
        grant_tell(GRANT_REF);
        if (un.status == 0) {
            struct gnttab_unmap_grant_ref again = { .host_addr = op.host_addr,
                                                    .handle = op.handle };

            (void)unmap_tell(&again);
        } else {
            must(hypercall_update_va_mapping((uint64_t)page_va(spot),
                                             mfn_to_ma(kinds[KIND_A].mfn) | PTE_P | PTE_RW | PTE_NX,
                                             UVMF_INVLPG),
                 "entry");
            unmap_rest(&op);
        }
        told();
        spots_restore();
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
    spot = page_alloc_zero(PAGE_KERNEL);
    spot2 = page_alloc_zero(PAGE_KERNEL);
    record_name(p2m(spot), "spot");
    record_name(p2m(spot2), "spot2");
    flags();
    entries();
    frames();
    domains();
    places();
    overwritten();
    unmaps();
    replaces();
    often();
    in_use();
    grant_set(GRANT_REF, 0, 0, mfn_of(0));
}
