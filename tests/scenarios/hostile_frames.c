/*
 * SPDX-License-Identifier: MIT
 *
 * hostile-frames: only frames of its own are good for a domain's requests.
 *
 * Background: a guest names machine frames, and can write down any number: the hypervisor's own
 * frames (it sees them in its L4), frames beyond memory, the all-ones number, and shared_info, which
 * is mapped to it but is no memory of its own to make a table of.
 *
 * Steps: each such frame in an L1 entry, in upper entries, in pins and base pointers, as the place of
 * an update, in CLEAR_PAGE and COPY_PAGE, in MACHPHYS_UPDATE, as a GDT page; wrong owners.
 *
 * Expected: the ABI's error; tables and M2P unchanged.
 */
#include "hostile.h"

/* Beyond the 52 bits' reach of any processor's memory, but not the reserved all-ones number. */
#define BEYOND mfn_of(0xff00000000UL)

SCENARIO(hostile_frames_map, "hostile-frames-map",
         "L1 entries: hypervisor's, beyond memory, all ones")
{
    struct ground g = ground_make();
    mfn_t hv = hypervisor_frame();

    for (int present = 0; present < 2; present++) {
        entry_refused(&g.w, 1, pte_make(hv, PTE_P), XEN_EBUSY);
        entry_refused(&g.w, 1, pte_make(hv, PTE_P | PTE_RW), XEN_EBUSY);
        entry_refused(&g.w, 1, pte_make(BEYOND, PTE_P), XEN_EPERM);
        entry_refused(&g.w, 1, pte_make(BEYOND, PTE_P | PTE_RW), XEN_EPERM);
        entry_refused(&g.w, 1, pte_make(mfn_of(MFN_INVALID_BITS), PTE_P), XEN_EINVAL);
        /* The second time with a legal entry in the slot: it stays. */
        EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), present ? 0 : g.entry), 0);
    }
    EXPECT_EQ(hypercall_update_va_mapping(g.va, pte_make(hv, PTE_P), UVMF_INVLPG), -XEN_EBUSY);
    EXPECT_EQ(hypercall_update_va_mapping(g.va, pte_make(BEYOND, PTE_P), UVMF_INVLPG), -XEN_EPERM);
    EXPECT_EQ(slot_now(&g.w, 1), 0);
    /* Not present, it is only a number. */
    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), pte_make(hv, PTE_RW)), 0);
    EXPECT_EQ(slot_now(&g.w, 1), pte_make(hv, PTE_RW));
    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), 0), 0);
}

SCENARIO(hostile_frames_table, "hostile-frames-table",
         "tables, pins, base pointers: own memory only")
{
    struct ground g = ground_make();
    uint64_t next = g.va + (1UL << L2_SHIFT);
    struct walk w = pt_walk(aspace_root(&kernel_aspace), next); /* ends at an empty L2 slot */
    mfn_t shared = ma_to_mfn(guest_start_info->shared_info);
    mfn_t bad[] = { hypervisor_frame(), BEYOND, mfn_of(MFN_INVALID_BITS), shared };

    REQUIRE(w.level == 2 && w.entry[2] == 0);
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        mmuext_op_t copy = { .cmd = MMUEXT_COPY_PAGE,
                             .arg1.mfn = p2m(g.page).n,
                             .arg2.src_mfn = bad[i].n };

        for (unsigned int cmd = MMUEXT_PIN_L1_TABLE; cmd <= MMUEXT_PIN_L4_TABLE; cmd++)
            EXPECT_EQ(mmuext_one(cmd, bad[i]), -XEN_EINVAL);
        EXPECT_EQ(mmuext_one(MMUEXT_UNPIN_TABLE, bad[i]), -XEN_EINVAL);
        EXPECT_EQ(mmuext_one(MMUEXT_NEW_BASEPTR, bad[i]), -XEN_EINVAL);
        EXPECT_EQ(mmuext_one(MMUEXT_NEW_USER_BASEPTR, bad[i]), -XEN_EINVAL);
        entry_refused(&w, 2, pte_make(bad[i], PT_TABLE_FLAGS), XEN_EINVAL);
        EXPECT_EQ(hypercall_set_gdt(&bad[i].n, 512), -XEN_EINVAL);
        if (mfn_eq(bad[i], shared))
            continue;
        EXPECT_EQ(mmuext_one(MMUEXT_CLEAR_PAGE, bad[i]), -XEN_EINVAL);
        EXPECT_EQ(hypercall_mmuext_op(&copy, 1, NULL, DOMID_SELF), -XEN_EINVAL);
        EXPECT_EQ(mmu_update_one(mfn_to_ma(bad[i]), 0), -XEN_EINVAL);
        EXPECT_EQ(hypercall_update_descriptor(mfn_to_ma(bad[i]), 0), -XEN_EINVAL);
    }
    /* The M2P entry of a frame that is not ours is not ours either. */
    EXPECT_EQ(mmu_update_one(mfn_to_ma(bad[0]) | MMU_MACHPHYS_UPDATE, 5), -XEN_EINVAL);
    EXPECT_EQ(mmu_update_one(mfn_to_ma(BEYOND) | MMU_MACHPHYS_UPDATE, 5), -XEN_EINVAL);
    EXPECT(m2p(bad[0]).n != 5);
    EXPECT_EQ(mmuext_one(MMUEXT_NEW_BASEPTR, aspace_root(aspace_active)), 0);
}

SCENARIO(hostile_frames_shared, "hostile-frames-shared",
         "shared_info can be mapped, even writable; no more")
{
    struct ground g = ground_make();
    mfn_t shared = ma_to_mfn(guest_start_info->shared_info);

    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), pte_make(shared, PTE_P | PTE_RW | PTE_NX)), 0);
    EXPECT_EQ(((volatile shared_info_t *)g.va)->wc_sec, shared_info_page.wc_sec);
    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), 0), 0);
}

SCENARIO(hostile_frames_owner, "hostile-frames-owner",
         "the owner of frames is said as DOMID_SELF, or is refused")
{
    struct ground g = ground_make();
    mmu_update_t req = { walk_slot_ma(&g.w, 1), g.entry };
    unsigned int done = 9, nobody = 0x5555;
    mmuext_op_t op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = p2m(g.page).n };

    EXPECT_EQ(hypercall_mmu_update(&req, 1, &done, nobody), -XEN_ESRCH);
    EXPECT_EQ(hypercall_mmuext_op(&op, 1, &done, nobody), -XEN_ESRCH);
    EXPECT_EQ(hypercall_update_va_mapping_otherdomain(g.va, g.entry, UVMF_INVLPG, 0x5555),
              -XEN_ESRCH);
    EXPECT_EQ(slot_now(&g.w, 1), 0);
    EXPECT_EQ(hypercall_mmu_update(&req, 1, &done, DOMID_SELF), 0);
    EXPECT_EQ(done, 1);
    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), 0), 0);
}
