/* SPDX-License-Identifier: MIT */
/*
 * The auditor must see each rule broken that tables, descriptors, roots and pending work are under. What
 * is wrong with a frame's own words is in test_audit_frames.c.
 */
#include "damage.h"

static void free_and_named(void)
{
    *stage_entry(1, 0) = pte_make(stage_free_frame(), LEAF_RO);
}
static void hypervisors_named(void)
{
    *stage_entry(1, 0) = pte_make(mfn_of(2), LEAF_RO);
}
static void foreign_named(void)
{
    *stage_entry(1, 0) = pte_make(stage.foreign, LEAF_RO);
}
static void beyond_memory_named(void)
{
    *stage_entry(1, 0) = pte_make(mfn_of(frame_limit), LEAF_RO);
}
static void beyond_memory_as_table(void)
{
    *stage_entry(3, 0) = pte_make(mfn_of(frame_limit), BRANCH);
}
static void table_writable(void)
{
    *stage_entry(1, 1) = pte_make(stage.tree.l[2], LEAF_RW);
}
static void descriptors_writable(void)
{
    *stage_entry(1, 1) = pte_make(stage.seg, LEAF_RW);
}
static void entry_made_writable(void)
{
    *stage_entry(1, 1) |= PTE_RW;
}
static void entry_not_users(void)
{
    *stage_entry(1, 1) &= ~PTE_U;
}
static void entry_unmarked(void)
{
    *stage_entry(1, 1) &= ~PTE_G;
}
static void entry_uncached(void)
{
    *stage_entry(1, 1) |= PTE_PCD;
}
static void entry_with_pat(void)
{
    *stage_entry(1, 1) |= PTE_PAT;
}
static void entry_lost(void)
{
    *stage_entry(2, 0) = 0;
}
static void entry_gained(void)
{
    *stage_entry(2, 1) = pte_make(stage.tree.l[1], BRANCH);
}
static void entry_global(void)
{
    *stage_entry(2, 0) |= PTE_G;
}
static void entry_superpage(void)
{
    *stage_entry(3, 0) |= PTE_PS;
}
static void entry_not_accessed(void)
{
    *stage_entry(4, 0) &= ~PTE_A;
}
static void entry_of_own_level(void)
{
    *stage_entry(3, 0) = pte_make(stage.tree.l[3], BRANCH);
}
static void entry_to_plain(void)
{
    *stage_entry(3, 0) = pte_make(stage.plain, BRANCH);
}
static void hypervisor_slot(void)
{
    *stage_entry(4, PT_HV_SLOT_FIRST) ^= PTE_RW | PTE_U;
}
static void hypervisor_slot_moved(void)
{
    *stage_entry(4, PT_HV_SLOT_LAST) ^= 1ul << 13;
}
static void root_unknown(void)
{
    machine_vcpu[0].cr3_kernel = 0;
}
static void root_not_held(void)
{
    machine_vcpu[1].cr3_kernel = mfn_to_ma(stage.tree.l[4]);
}
static void root_of_another_level(void)
{
    machine_vcpu[1].cr3_user = mfn_to_ma(stage.tree.l[3]);
}
static void root_beyond_memory(void)
{
    machine_vcpu[1].cr3_user = mfn_to_ma(mfn_of(frame_limit));
}
static void work_not_held(void)
{
    machine_vcpu[1].pt_work = (struct pt_work){ true, stage.partial };
}
static void work_at_rest(void)
{
    machine_vcpu[1].pt_work = (struct pt_work){ true, stage.partial };
    REF(stage.partial)++;
}
static void descriptor_of_ring_0(void)
{
    ((uint64_t *)frame_va(stage.seg))[3] = 0x00cf93000000ffff;
}
static void descriptor_of_task_state(void)
{
    ((uint64_t *)frame_va(stage.seg))[3] = 0x0000890000000067;
}
static void call_gate_within_reach(void)
{
    ((uint64_t *)frame_va(stage.seg))[3] = 0x0000ec000000e033;
}
static void call_gate_to_ring_0(void)
{
    ((uint64_t *)frame_va(stage.seg))[3] = 0x00008c00e0080000;
}
static void call_gate_to_ours(void)
{
    ((uint64_t *)frame_va(stage.seg))[3] = 0x00008c00e00b0000;
}
static void root_of_plain(void)
{
    machine_vcpu[1].cr3_user = mfn_to_ma(stage.plain);
}
static void root_of_partial(void)
{
    machine_vcpu[1].cr3_user = mfn_to_ma(stage.tree.l[4]);
    REF(stage.tree.l[4])++;
    TYPE(stage.tree.l[4]) = (TYPE(stage.tree.l[4]) & ~FRAME_VALIDATED) | FRAME_PARTIAL;
}
static void work_beyond_memory(void)
{
    machine_vcpu[1].pt_work = (struct pt_work){ true, mfn_of(frame_limit) };
}

static const struct damage damages[] = {
    DAMAGE(free_and_named, "owner", true),
    DAMAGE(hypervisors_named, "owner", true),
    DAMAGE(foreign_named, "owner", true),
    DAMAGE(beyond_memory_named, "owner", true),
    DAMAGE(beyond_memory_as_table, "owner", true),
    DAMAGE(table_writable, "one-type", true),
    DAMAGE(descriptors_writable, "one-type", true),
    DAMAGE(entry_made_writable, "exact-counts", true),
    DAMAGE(entry_not_users, "validated", true),
    DAMAGE(entry_unmarked, "validated", true),
    DAMAGE(entry_uncached, "validated", true),
    DAMAGE(entry_with_pat, "validated", true),
    DAMAGE(entry_lost, "exact-counts", true),
    DAMAGE(entry_gained, "exact-counts", true),
    DAMAGE(entry_global, "validated", true),
    DAMAGE(entry_superpage, "validated", true),
    DAMAGE(entry_not_accessed, "validated", true),
    DAMAGE(entry_of_own_level, "one-type", true),
    DAMAGE(entry_to_plain, "one-type", true),
    DAMAGE(hypervisor_slot, "our-slots", false),
    DAMAGE(hypervisor_slot_moved, "our-slots", false),
    DAMAGE(root_unknown, "exact-counts", true),
    DAMAGE(root_not_held, "exact-counts", true),
    DAMAGE(root_of_another_level, "one-type", true),
    DAMAGE(root_beyond_memory, "owner", true),
    DAMAGE(work_not_held, "exact-counts", true),
    DAMAGE(work_at_rest, "exact-counts", false),
    DAMAGE(descriptor_of_ring_0, "validated", true),
    DAMAGE(descriptor_of_task_state, "validated", true),
    DAMAGE(call_gate_within_reach, "validated", true),
    DAMAGE(call_gate_to_ring_0, "validated", true),
    DAMAGE(call_gate_to_ours, "validated", true),
    DAMAGE(root_of_plain, "one-type", true),
    DAMAGE(root_of_partial, "validated", true),
    DAMAGE(work_beyond_memory, "owner", true),
};

static void each_damage_is_seen(void **state)
{
    (void)state;
    damages_are_seen(damages, sizeof(damages) / sizeof(damages[0]));
}

/* Pending cleanup is right while another vCPU's request is cut into pieces. */
static void pending_cleanup_between_pieces(void **state)
{
    struct snapshot *before = snapshot_take();

    (void)state;
    work_at_rest();
    assert_int_equal(machine_audit(false), 0);
    assert_int_not_equal(machine_audit(true), 0);
    snapshot_restore(before);
    snapshot_free(before);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, damage_stage_make, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(each_damage_is_seen),
        T(pending_cleanup_between_pieces),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
