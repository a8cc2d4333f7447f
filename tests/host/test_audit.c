/* SPDX-License-Identifier: MIT */
/*
 * The auditor must see each rule broken: a sound machine is damaged in one place at a time, the way a
 * mistake of the hypervisor would, and the auditor has to find it. Undamaged, it finds nothing.
 */
#include "machine.h"

#include <stdio.h>
#include <string.h>

#include "mm/m2p.h"
#include "mm/page_alloc.h"

static struct machine_tree t;
static mfn_t plain, seg, foreign, partial;

static int sound(void **state)
{
    (void)state;
    machine_begin(64);
    t = machine_tree(&machine_guest, LEAF_RW);
    plain = machine_page(&machine_guest);
    seg = machine_page(&machine_guest);
    foreign = machine_page(&machine_control);
    partial = machine_page(&machine_guest);
    op_first_root(t.l[4]);
    assert_int_equal(op_pin(t.l[3], 3), 0);
    assert_int_equal(op_update(t.l[1], 1, pte_make(plain, LEAF_RO)), 0);
    assert_int_equal(page_get_typed(seg, machine_guest.id, PT_SEG), 0);
    machine_hold(seg, PT_SEG);
    /* Half a promotion: entry 0 is taken, entry 1 is not. */
    machine_poke(partial, 0, pte_make(t.l[2], BRANCH));
    machine_poke(partial, 1, pte_make(t.l[2], BRANCH));
    hooks_reset();
    hooks.general = true;
    hooks.preempt_at = ALWAYS;
    assert_int_equal(page_get_typed(partial, machine_guest.id, PT_L3), -ERESTART);
    hooks_reset();
    return 0;
}

static uint64_t *entry(unsigned level, unsigned slot)
{
    return (uint64_t *)frame_va(t.l[level]) + slot;
}

/* ---- damages ---------------------------------------------------------------- */

static mfn_t a_free_frame(void)
{
    for (uint64_t n = 0; n < frame_limit; n++)
        if (frame_owner(mfn_of(n)) == OWNER_NONE)
            return mfn_of(n);
    fail();
    return MFN_NONE;
}

#define REF(mfn)  (frame_of(mfn)->ref)
#define TYPE(mfn) (frame_of(mfn)->type)

static void reference_too_many(void)
{
    REF(plain)++;
}
static void reference_too_few(void)
{
    REF(t.l[2])--;
}
static void type_too_many(void)
{
    TYPE(t.l[1])++;
}
static void type_too_few(void)
{
    TYPE(t.l[3])--;
}
static void writable_lost(void)
{
    TYPE(t.l[0]) &= ~FRAME_TYPE_COUNT & ~FRAME_VALIDATED;
}
static void pin_lost(void)
{
    TYPE(t.l[3]) &= ~FRAME_PINNED;
}
static void pin_gained(void)
{
    TYPE(t.l[2]) |= FRAME_PINNED;
}
static void pin_of_untyped(void)
{
    TYPE(plain) |= FRAME_PINNED;
}
static void pin_of_descriptors(void)
{
    TYPE(seg) |= FRAME_PINNED;
}
static void validated_lost(void)
{
    TYPE(t.l[2]) &= ~FRAME_VALIDATED;
}
static void span_lost(void)
{
    TYPE(t.l[3]) &= ~((uint64_t)FRAME_SPANS_ALL << FRAME_SPAN_SHIFT);
}
static void validated_survives(void)
{
    TYPE(plain) |= FRAME_VALIDATED;
}
static void partial_gained(void)
{
    TYPE(t.l[1]) |= FRAME_PARTIAL;
}
static void left_locked(void)
{
    TYPE(t.l[1]) |= FRAME_LOCKED;
}
static void partial_lost(void)
{
    TYPE(partial) = (TYPE(partial) & FRAME_TYPE_MASK) | 1;
}
static void partial_with_two(void)
{
    TYPE(partial)++;
}
static void partial_further(void)
{
    TYPE(partial) += 1ull << FRAME_NEXT_SHIFT;
}
static void partial_less_far(void)
{
    TYPE(partial) -= 1ull << FRAME_NEXT_SHIFT;
}
static void partial_beyond(void)
{
    TYPE(partial) += (uint64_t)PT_ENTRIES << FRAME_NEXT_SHIFT;
}
static void partial_without_reference(void)
{
    REF(partial)--;
}
static void other_level(void)
{
    TYPE(t.l[1]) ^= (uint64_t)(PT_L1 ^ PT_L2) << FRAME_TYPE_SHIFT;
}
static void no_type_counted(void)
{
    TYPE(plain) = FRAME_VALIDATED | 1;
}
static void unused_type_counted(void)
{
    TYPE(plain) = FRAME_VALIDATED | 6ull << 32 | 1;
}
static void allocated_lost(void)
{
    REF(plain) &= ~FRAME_ALLOCATED;
}
static void owner_changed(void)
{
    REF(t.l[0]) ^= 1ull << FRAME_OWNER_SHIFT;
}
static void owner_unknown(void)
{
    REF(foreign) |= 0x1000ull << FRAME_OWNER_SHIFT;
}
static void table_owner_changed(void)
{
    REF(t.l[1]) ^= 1ull << FRAME_OWNER_SHIFT;
}
static void account_too_high(void)
{
    machine_guest.owner.pages++;
}
static void account_over_quota(void)
{
    machine_guest.owner.max_pages = 1;
}
static void free_with_reference(void)
{
    REF(a_free_frame())++;
}
static void free_with_allocated(void)
{
    REF(a_free_frame()) |= FRAME_ALLOCATED;
}
static void free_and_named(void)
{
    *entry(1, 0) = pte_make(a_free_frame(), LEAF_RO);
}
static void hypervisors_named(void)
{
    *entry(1, 0) = pte_make(mfn_of(2), LEAF_RO);
}
static void hypervisors_typed(void)
{
    TYPE(mfn_of(2)) = 1ull << 32 | 1;
}
static void io_with_reference(void)
{
    REF(mfn_of(1))++;
}
static void foreign_named(void)
{
    *entry(1, 0) = pte_make(foreign, LEAF_RO);
}
static void beyond_memory_named(void)
{
    *entry(1, 0) = pte_make(mfn_of(frame_limit), LEAF_RO);
}
static void beyond_memory_as_table(void)
{
    *entry(3, 0) = pte_make(mfn_of(frame_limit), BRANCH);
}
static void table_writable(void)
{
    *entry(1, 1) = pte_make(t.l[2], LEAF_RW);
}
static void descriptors_writable(void)
{
    *entry(1, 1) = pte_make(seg, LEAF_RW);
}
static void entry_made_writable(void)
{
    *entry(1, 1) |= PTE_RW;
}
static void entry_not_users(void)
{
    *entry(1, 1) &= ~PTE_U;
}
static void entry_unmarked(void)
{
    *entry(1, 1) &= ~PTE_G;
}
static void entry_uncached(void)
{
    *entry(1, 1) |= PTE_PCD;
}
static void entry_with_pat(void)
{
    *entry(1, 1) |= PTE_PAT;
}
static void entry_lost(void)
{
    *entry(2, 0) = 0;
}
static void entry_gained(void)
{
    *entry(2, 1) = pte_make(t.l[1], BRANCH);
}
static void entry_global(void)
{
    *entry(2, 0) |= PTE_G;
}
static void entry_superpage(void)
{
    *entry(3, 0) |= PTE_PS;
}
static void entry_not_accessed(void)
{
    *entry(4, 0) &= ~PTE_A;
}
static void entry_of_own_level(void)
{
    *entry(3, 0) = pte_make(t.l[3], BRANCH);
}
static void entry_to_plain(void)
{
    *entry(3, 0) = pte_make(plain, BRANCH);
}
static void hypervisor_slot(void)
{
    *entry(4, PT_HV_SLOT_FIRST) ^= PTE_RW | PTE_U;
}
static void hypervisor_slot_moved(void)
{
    *entry(4, PT_HV_SLOT_LAST) ^= 1ul << 13;
}
static void root_unknown(void)
{
    machine_vcpu[0].cr3_kernel = 0;
}
static void root_not_held(void)
{
    machine_vcpu[1].cr3_kernel = mfn_to_ma(t.l[4]);
}
static void root_of_another_level(void)
{
    machine_vcpu[1].cr3_user = mfn_to_ma(t.l[3]);
}
static void root_beyond_memory(void)
{
    machine_vcpu[1].cr3_user = mfn_to_ma(mfn_of(frame_limit));
}
static void work_not_held(void)
{
    machine_vcpu[1].pt_work = (struct pt_work){ true, partial };
}

static void work_at_rest(void)
{
    machine_vcpu[1].pt_work = (struct pt_work){ true, partial };
    REF(partial)++;
}

static void descriptor_of_ring_0(void)
{
    ((uint64_t *)frame_va(seg))[3] = 0x00cf93000000ffff;
}
static void descriptor_of_task_state(void)
{
    ((uint64_t *)frame_va(seg))[3] = 0x0000890000000067;
}
static void call_gate_within_reach(void)
{
    ((uint64_t *)frame_va(seg))[3] = 0x0000ec000000e033;
}
static void call_gate_to_ring_0(void)
{
    ((uint64_t *)frame_va(seg))[3] = 0x00008c00e0080000;
}
static void call_gate_to_ours(void)
{
    ((uint64_t *)frame_va(seg))[3] = 0x00008c00e00b0000;
}
static void root_of_plain(void)
{
    machine_vcpu[1].cr3_user = mfn_to_ma(plain);
}
static void root_of_partial(void)
{
    machine_vcpu[1].cr3_user = mfn_to_ma(t.l[4]);
    REF(t.l[4])++;
    TYPE(t.l[4]) = (TYPE(t.l[4]) & ~FRAME_VALIDATED) | FRAME_PARTIAL;
}
static void work_beyond_memory(void)
{
    machine_vcpu[1].pt_work = (struct pt_work){ true, mfn_of(frame_limit) };
}
static void hypervisors_shared(void)
{
    REF(mfn_of(2)) |= FRAME_HV_SHARED;
}
static void free_without_block(void)
{
    TYPE(a_free_frame()) = 0;
}
static void free_of_huge_order(void)
{
    TYPE(a_free_frame()) |= 31ull << 58;
}
static void free_of_larger_order(void)
{
    TYPE(a_free_frame()) ^= 1ull << 58;
}
static void free_with_type(void)
{
    for (uint64_t n = 1; n < frame_limit; n++) {
        if (frame_owner(mfn_of(n)) != OWNER_NONE || TYPE(mfn_of(n)))
            continue;
        TYPE(mfn_of(n)) = 1; /* not the head of its block */
        return;
    }
    fail();
}
static void free_link_lost(void)
{
    TYPE(a_free_frame()) ^= 1;
}
static void block_split(void)
{
    for (uint64_t n = 0; n < frame_limit; n++) {
        int order = frame_owner(mfn_of(n)) == OWNER_NONE ? page_block_order(n) : -1;

        if (order < 1)
            continue;
        TYPE(mfn_of(n)) -= 1ull << 58;
        TYPE(mfn_of(n + (1u << (order - 1)))) = TYPE(mfn_of(n));
        return;
    }
    fail();
}
static void free_in_m2p(void)
{
    m2p_set(a_free_frame(), 5);
}
static void hypervisors_in_m2p(void)
{
    m2p_set(mfn_of(2), 5);
}
static void hardware_in_m2p(void)
{
    m2p_set(mfn_of(1), 5);
}

/*
 * Names of the damages, to say which one was not seen; the invariant that must be named; whether the
 * sums see it too: what they do not cover is looked at in full only.
 */
#define D(f, rule, sums)  \
    {                     \
#f, f, rule, sums \
    }
static const struct {
    const char *name;
    void (*damage)(void);
    const char *rule;
    bool sums;
} damages[] = {
    D(reference_too_many, "exact-counts", true),
    D(reference_too_few, "exact-counts", true),
    D(type_too_many, "exact-counts", true),
    D(type_too_few, "exact-counts", true),
    D(writable_lost, "exact-counts", true),
    D(pin_lost, "exact-counts", true),
    D(pin_gained, "exact-counts", true),
    D(pin_of_untyped, "validated", true),
    D(pin_of_descriptors, "validated", true),
    D(validated_lost, "validated", true),
    D(span_lost, "exact-counts", false),
    D(validated_survives, "validated", true),
    D(partial_gained, "validated", true),
    D(left_locked, "validated", true),
    D(partial_lost, "validated", true),
    D(partial_with_two, "validated", true),
    D(partial_further, "exact-counts", true),
    D(partial_less_far, "exact-counts", true),
    D(partial_beyond, "exact-counts", true),
    D(partial_without_reference, "exact-counts", true),
    D(other_level, "one-type", true),
    D(no_type_counted, "validated", true),
    D(unused_type_counted, "validated", true),
    D(allocated_lost, "exact-counts", true),
    D(owner_changed, "owner", true),
    D(owner_unknown, "owner", true),
    D(table_owner_changed, "owner", true),
    D(account_too_high, "owner", true),
    D(account_over_quota, "owner", false),
    D(free_with_reference, "owner", true),
    D(free_with_allocated, "owner", true),
    D(free_and_named, "owner", true),
    D(hypervisors_named, "owner", true),
    D(hypervisors_typed, "one-type", true),
    D(io_with_reference, "owner", true),
    D(foreign_named, "owner", true),
    D(beyond_memory_named, "owner", true),
    D(beyond_memory_as_table, "owner", true),
    D(table_writable, "one-type", true),
    D(descriptors_writable, "one-type", true),
    D(entry_made_writable, "exact-counts", true),
    D(entry_not_users, "validated", true),
    D(entry_unmarked, "validated", true),
    D(entry_uncached, "validated", true),
    D(entry_with_pat, "validated", true),
    D(entry_lost, "exact-counts", true),
    D(entry_gained, "exact-counts", true),
    D(entry_global, "validated", true),
    D(entry_superpage, "validated", true),
    D(entry_not_accessed, "validated", true),
    D(entry_of_own_level, "one-type", true),
    D(entry_to_plain, "one-type", true),
    D(hypervisor_slot, "our-slots", false),
    D(hypervisor_slot_moved, "our-slots", false),
    D(root_unknown, "exact-counts", true),
    D(root_not_held, "exact-counts", true),
    D(root_of_another_level, "one-type", true),
    D(root_beyond_memory, "owner", true),
    D(work_not_held, "exact-counts", true),
    D(work_at_rest, "exact-counts", false),
    D(descriptor_of_ring_0, "validated", true),
    D(descriptor_of_task_state, "validated", true),
    D(call_gate_within_reach, "validated", true),
    D(call_gate_to_ring_0, "validated", true),
    D(call_gate_to_ours, "validated", true),
    D(root_of_plain, "one-type", true),
    D(root_of_partial, "validated", true),
    D(work_beyond_memory, "owner", true),
    D(hypervisors_shared, "owner", true),
    D(free_without_block, "free-list", false),
    D(free_of_huge_order, "free-list", false),
    D(free_of_larger_order, "free-list", false),
    D(free_with_type, "free-list", false),
    D(free_link_lost, "free-list", false),
    D(block_split, "free-list", false),
    D(free_in_m2p, "m2p", false),
    D(hypervisors_in_m2p, "m2p", false),
    D(hardware_in_m2p, "m2p", false),
};

static void each_damage_is_seen(void **state)
{
    struct snapshot *before = snapshot_take();

    (void)state;
    for (unsigned i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        uint32_t quota = machine_guest.owner.max_pages;
        char line[64];

        assert_int_equal(machine_audit(true), 0);
        assert_true(machine_sums_agree());
        log_clear();
        damages[i].damage();
        if (!machine_audit(true))
            fail_msg("%s is not seen", damages[i].name);
        snprintf(line, sizeof(line), "audit: %s: ", damages[i].rule);
        if (!strstr(log_text(), line))
            fail_msg("%s is not called %s but:\n%s", damages[i].name, line, log_text());
        if (machine_sums_agree() == damages[i].sums)
            fail_msg("%s: the sums %s", damages[i].name, damages[i].sums ? "agree" : "differ");
        snapshot_restore(before);
        machine_guest.owner.max_pages = quota;
    }
    assert_int_equal(machine_audit(true), 0);
    snapshot_free(before);
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

static void lost_frame(void **state)
{
    uint64_t ref = frame_of(mfn_of(2))->ref;

    (void)state;
    frame_of(mfn_of(2))->ref = REF(a_free_frame());
    assert_int_equal(machine_audit(true), 2); /* one free frame too many, in no block */
    frame_of(mfn_of(2))->ref = ref;
}

/* The first lines are printed, the rest counted. */
static void many_differences(void **state)
{
    unsigned lines = 0;

    (void)state;
    for (uint64_t n = 0; n < frame_limit; n++)
        if (frame_owner(mfn_of(n)) == OWNER_NONE)
            frame_table[n].ref++;
    log_clear();
    assert_true(machine_audit(true) > 40);
    for (const char *c = log_text(); *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 17);
    for (uint64_t n = 0; n < frame_limit; n++)
        if (frame_owner(mfn_of(n)) == OWNER_NONE)
            frame_table[n].ref--;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, sound, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(each_damage_is_seen),
        T(pending_cleanup_between_pieces),
        T(lost_frame),
        T(many_differences),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
