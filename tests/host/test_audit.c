/* SPDX-License-Identifier: MIT */
/*
 * The auditor must see each rule broken: a sound machine is damaged in one place at a time, the way a
 * mistake of the hypervisor would, and the auditor has to find it. Undamaged, it finds nothing.
 */
#include "machine.h"

#include <string.h>

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

/* Names of the damages, to say which one was not seen. */
#define D(f)  \
    {         \
#f, f \
    }
static const struct {
    const char *name;
    void (*damage)(void);
} damages[] = {
    D(reference_too_many),
    D(reference_too_few),
    D(type_too_many),
    D(type_too_few),
    D(writable_lost),
    D(pin_lost),
    D(pin_gained),
    D(pin_of_untyped),
    D(pin_of_descriptors),
    D(validated_lost),
    D(validated_survives),
    D(partial_gained),
    D(left_locked),
    D(partial_lost),
    D(partial_with_two),
    D(partial_further),
    D(partial_less_far),
    D(partial_beyond),
    D(partial_without_reference),
    D(other_level),
    D(no_type_counted),
    D(unused_type_counted),
    D(allocated_lost),
    D(owner_changed),
    D(owner_unknown),
    D(table_owner_changed),
    D(account_too_high),
    D(account_over_quota),
    D(free_with_reference),
    D(free_with_allocated),
    D(free_and_named),
    D(hypervisors_named),
    D(hypervisors_typed),
    D(io_with_reference),
    D(foreign_named),
    D(beyond_memory_named),
    D(beyond_memory_as_table),
    D(table_writable),
    D(descriptors_writable),
    D(entry_made_writable),
    D(entry_not_users),
    D(entry_unmarked),
    D(entry_uncached),
    D(entry_with_pat),
    D(entry_lost),
    D(entry_gained),
    D(entry_global),
    D(entry_superpage),
    D(entry_not_accessed),
    D(entry_of_own_level),
    D(entry_to_plain),
    D(hypervisor_slot),
    D(hypervisor_slot_moved),
    D(root_unknown),
    D(root_not_held),
    D(root_of_another_level),
    D(root_beyond_memory),
    D(work_not_held),
    D(work_at_rest),
};

static void each_damage_is_seen(void **state)
{
    struct snapshot *before = snapshot_take();

    (void)state;
    for (unsigned i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        uint32_t quota = machine_guest.owner.max_pages;

        assert_int_equal(machine_audit(true), 0);
        log_clear();
        damages[i].damage();
        if (!machine_audit(true))
            fail_msg("%s is not seen", damages[i].name);
        assert_non_null(strstr(log_text(), "audit: "));
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
