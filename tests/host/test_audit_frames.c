/* SPDX-License-Identifier: MIT */
/*
 * The auditor must see whatever is wrong with a frame's own words: its owner, its counts, its flags, the
 * allocator's blocks, the M2P.
 */
#include "damage.h"

#include "mm/m2p.h"
#include "mm/page_alloc.h"

static void reference_too_many(void)
{
    REF(stage.plain)++;
}
static void reference_too_few(void)
{
    REF(stage.tree.l[2])--;
}
static void type_too_many(void)
{
    TYPE(stage.tree.l[1])++;
}
static void type_too_few(void)
{
    TYPE(stage.tree.l[3])--;
}
static void writable_lost(void)
{
    TYPE(stage.tree.l[0]) &= ~FRAME_TYPE_COUNT & ~FRAME_VALIDATED;
}
static void pin_lost(void)
{
    TYPE(stage.tree.l[3]) &= ~FRAME_PINNED;
}
static void pin_gained(void)
{
    TYPE(stage.tree.l[2]) |= FRAME_PINNED;
}
static void pin_of_untyped(void)
{
    TYPE(stage.plain) |= FRAME_PINNED;
}
static void pin_of_descriptors(void)
{
    TYPE(stage.seg) |= FRAME_PINNED;
}
static void validated_lost(void)
{
    TYPE(stage.tree.l[2]) &= ~FRAME_VALIDATED;
}
static void span_lost(void)
{
    TYPE(stage.tree.l[3]) &= ~((uint64_t)FRAME_SPANS_ALL << FRAME_SPAN_SHIFT);
}
static void validated_survives(void)
{
    TYPE(stage.plain) |= FRAME_VALIDATED;
}
static void partial_gained(void)
{
    TYPE(stage.tree.l[1]) |= FRAME_PARTIAL;
}
static void left_locked(void)
{
    TYPE(stage.tree.l[1]) |= FRAME_LOCKED;
}
static void partial_lost(void)
{
    TYPE(stage.partial) = (TYPE(stage.partial) & FRAME_TYPE_MASK) | 1;
}
static void partial_with_two(void)
{
    TYPE(stage.partial)++;
}
static void partial_further(void)
{
    TYPE(stage.partial) += 1ull << FRAME_NEXT_SHIFT;
}
static void partial_less_far(void)
{
    TYPE(stage.partial) -= 1ull << FRAME_NEXT_SHIFT;
}
static void partial_beyond(void)
{
    TYPE(stage.partial) += (uint64_t)PT_ENTRIES << FRAME_NEXT_SHIFT;
}
static void partial_without_reference(void)
{
    REF(stage.partial)--;
}
static void other_level(void)
{
    TYPE(stage.tree.l[1]) ^= (uint64_t)(PT_L1 ^ PT_L2) << FRAME_TYPE_SHIFT;
}
static void no_type_counted(void)
{
    TYPE(stage.plain) = FRAME_VALIDATED | 1;
}
static void unused_type_counted(void)
{
    TYPE(stage.plain) = FRAME_VALIDATED | 6ull << 32 | 1;
}
static void allocated_lost(void)
{
    REF(stage.plain) &= ~FRAME_ALLOCATED;
}
static void owner_changed(void)
{
    REF(stage.tree.l[0]) ^= 1ull << FRAME_OWNER_SHIFT;
}
static void owner_unknown(void)
{
    REF(stage.foreign) |= 0x1000ull << FRAME_OWNER_SHIFT;
}
static void table_owner_changed(void)
{
    REF(stage.tree.l[1]) ^= 1ull << FRAME_OWNER_SHIFT;
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
    REF(stage_free_frame())++;
}
static void free_with_allocated(void)
{
    REF(stage_free_frame()) |= FRAME_ALLOCATED;
}
static void hypervisors_typed(void)
{
    TYPE(mfn_of(2)) = 1ull << 32 | 1;
}
static void io_with_reference(void)
{
    REF(mfn_of(1))++;
}
static void hypervisors_shared(void)
{
    REF(mfn_of(2)) |= FRAME_HV_SHARED;
}
static void free_without_block(void)
{
    TYPE(stage_free_frame()) = 0;
}
static void free_of_huge_order(void)
{
    TYPE(stage_free_frame()) |= 31ull << 58;
}
static void free_of_larger_order(void)
{
    TYPE(stage_free_frame()) ^= 1ull << 58;
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
    TYPE(stage_free_frame()) ^= 1;
}
/* A block of an order that its frame is aligned to, but that would reach beyond the last frame. */
static void free_beyond_memory(void)
{
    for (uint64_t n = 1; n < frame_limit; n++) {
        int order = frame_owner(mfn_of(n)) == OWNER_NONE ? page_block_order(n) : -1;
        unsigned aligned = (unsigned)__builtin_ctzl(n);

        if (order < 0 || n + (1ull << aligned) <= frame_limit)
            continue;
        TYPE(mfn_of(n)) += (uint64_t)(aligned - (unsigned)order) << 58;
        return;
    }
    fail();
}
static void free_link_to_no_block(void)
{
    mfn_t head = stage_free_frame();

    TYPE(head) = (TYPE(head) & ~((1ull << 29) - 1)) | 2;
}
static void free_back_link_lost(void)
{
    TYPE(stage_free_frame()) ^= 1ull << 29;
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
    m2p_set(stage_free_frame(), 5);
}
static void hypervisors_in_m2p(void)
{
    m2p_set(mfn_of(2), 5);
}
static void hardware_in_m2p(void)
{
    m2p_set(mfn_of(1), 5);
}

static const struct damage damages[] = {
    DAMAGE(reference_too_many, "exact-counts", true),
    DAMAGE(reference_too_few, "exact-counts", true),
    DAMAGE(type_too_many, "exact-counts", true),
    DAMAGE(type_too_few, "exact-counts", true),
    DAMAGE(writable_lost, "exact-counts", true),
    DAMAGE(pin_lost, "exact-counts", true),
    DAMAGE(pin_gained, "exact-counts", true),
    DAMAGE(pin_of_untyped, "validated", true),
    DAMAGE(pin_of_descriptors, "validated", true),
    DAMAGE(validated_lost, "validated", true),
    DAMAGE(span_lost, "exact-counts", false),
    DAMAGE(validated_survives, "validated", true),
    DAMAGE(partial_gained, "validated", true),
    DAMAGE(left_locked, "validated", true),
    DAMAGE(partial_lost, "validated", true),
    DAMAGE(partial_with_two, "validated", true),
    DAMAGE(partial_further, "exact-counts", true),
    DAMAGE(partial_less_far, "exact-counts", true),
    DAMAGE(partial_beyond, "exact-counts", true),
    DAMAGE(partial_without_reference, "exact-counts", true),
    DAMAGE(other_level, "one-type", true),
    DAMAGE(no_type_counted, "validated", true),
    DAMAGE(unused_type_counted, "validated", true),
    DAMAGE(allocated_lost, "exact-counts", true),
    DAMAGE(owner_changed, "owner", true),
    DAMAGE(owner_unknown, "owner", true),
    DAMAGE(table_owner_changed, "owner", true),
    DAMAGE(account_too_high, "owner", true),
    DAMAGE(account_over_quota, "owner", false),
    DAMAGE(free_with_reference, "owner", true),
    DAMAGE(free_with_allocated, "owner", true),
    DAMAGE(hypervisors_typed, "one-type", true),
    DAMAGE(io_with_reference, "owner", true),
    DAMAGE(hypervisors_shared, "owner", true),
    DAMAGE(free_without_block, "free-list", false),
    DAMAGE(free_of_huge_order, "free-list", false),
    DAMAGE(free_of_larger_order, "free-list", false),
    DAMAGE(free_with_type, "free-list", false),
    DAMAGE(free_link_lost, "free-list", false),
    DAMAGE(free_beyond_memory, "free-list", false),
    DAMAGE(free_link_to_no_block, "free-list", false),
    DAMAGE(free_back_link_lost, "free-list", false),
    DAMAGE(block_split, "free-list", false),
    DAMAGE(free_in_m2p, "m2p", false),
    DAMAGE(hypervisors_in_m2p, "m2p", false),
    DAMAGE(hardware_in_m2p, "m2p", false),
};

static void each_damage_is_seen(void **state)
{
    (void)state;
    damages_are_seen(damages, sizeof(damages) / sizeof(damages[0]));
}

static void lost_frame(void **state)
{
    uint64_t ref = frame_of(mfn_of(2))->ref;

    (void)state;
    frame_of(mfn_of(2))->ref = REF(stage_free_frame());
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
#define T(f) cmocka_unit_test_setup_teardown(f, damage_stage_make, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(each_damage_is_seen),
        T(lost_frame),
        T(many_differences),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
