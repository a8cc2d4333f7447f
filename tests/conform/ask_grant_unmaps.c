/*
 * SPDX-License-Identifier: MIT
 *
 * ask_grant_unmaps.c - unmap_grant_ref and unmap_and_replace, of this domain's own frames: an entry that
 * is no longer the mapping's, a part at a time, what takes its place.
 */
#include "ask.h"
#include "grant_spot.h"
#include "record.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/page.h"

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

void ask_grant_unmaps(void)
{
    overwritten();
    unmaps();
    replaces();
}
