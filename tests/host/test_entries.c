/* SPDX-License-Identifier: MIT */
/*
 * Which entries may stand in a table: every bit of an entry, at every level, by every route that
 * leads into a table, against a model written from the ABI's description.
 */
#include "machine.h"

#include "pt/pte_check.h"
#include "pv/mmu_update.h"

#define KERNEL_RO (PTE_P | PTE_U | PTE_A | PTE_GUEST_KERNEL)

/* ---- the model -------------------------------------------------------------- */

static bool bit_allowed(unsigned bit, unsigned level)
{
    if (bit == 3 || bit == 4 || bit == 7) /* cache attributes, superpage */
        return false;
    return bit != 8 || level == 1; /* global */
}

static uint64_t model_stored(uint64_t pte, unsigned level)
{
    if (!(pte & 1))
        return pte;
    if (level == 1 && !(pte >> 2 & 1))
        pte |= 1ul << 52;
    pte |= 4;
    if (level == 1 && !(pte >> 52 & 1))
        pte |= 0x100;
    return level == 4 ? pte | 0x20 : pte;
}

/* The result for an entry that the guest wants in a table of its own; untyped frames are zero. */
static int model_result(uint64_t pte, unsigned level, mfn_t table)
{
    uint64_t n = pte >> 12 & 0xffffffffff;
    mfn_t mfn = { n };

    if (!(pte & 1))
        return 0;
    for (unsigned bit = 0; bit < 64; bit++)
        if ((bit < 12 || bit > 51) && (pte >> bit & 1) && !bit_allowed(bit, level))
            return -EINVAL;
    if (level == 1 && n == 0xffffffffff)
        return -EINVAL;
    if (n >= frame_limit)
        return level == 1 ? -EPERM : -EINVAL;
    if (frame_owner(mfn) == OWNER_IO)
        return level == 1 ? -EPERM : -EINVAL;
    if (frame_owner(mfn) != machine_guest.id)
        return level == 1 ? -EBUSY : -EINVAL;
    if (level == 1)
        return (pte & 2) && (mfn_eq(mfn, table) ||
                             (frame_type_refs(mfn) && frame_type(mfn) != PT_WRITABLE))
                   ? -EBUSY
                   : 0;
    if (mfn_eq(mfn, table))
        return -EINVAL;
    return frame_type_refs(mfn) && frame_type(mfn) != (enum page_type)(level - 1) ? -EINVAL : 0;
}

/* ---- routes ----------------------------------------------------------------- */

struct place {
    struct machine_tree t;
    unsigned level;
    mfn_t table;
};

typedef long route_fn(struct place *p, uint64_t value);

static long by_mmu_update(struct place *p, uint64_t value)
{
    return op_update(p->table, GUEST_SLOT, value);
}

static long by_preserve_ad(struct place *p, uint64_t value)
{
    return op_update_ad(p->table, GUEST_SLOT, value);
}

static long by_update_va(struct place *p, uint64_t value)
{
    (void)p;
    return op_update_va(0, value, 0);
}

/* The same two without their short ways. */
static long by_general_mmu_update(struct place *p, uint64_t value)
{
    long rc;

    hooks.general = true;
    rc = by_mmu_update(p, value);
    hooks.general = false;
    return rc;
}

static long by_general_update_va(struct place *p, uint64_t value)
{
    long rc;

    hooks.general = true;
    rc = by_update_va(p, value);
    hooks.general = false;
    return rc;
}

static long by_emulated_write(struct place *p, uint64_t value)
{
    long rc = l1_entry_update(p->table, GUEST_SLOT, 0, value, false);

    machine_check("emulated write");
    return rc;
}

static long by_compare_exchange(struct place *p, uint64_t value)
{
    long rc =
        l1_entry_update(p->table, GUEST_SLOT, machine_peek(p->table, GUEST_SLOT), value, true);

    machine_check("emulated compare and exchange");
    return rc;
}

static void place_make(struct place *p, unsigned level)
{
    machine_begin(64);
    p->t = machine_tree(&machine_guest, LEAF_RW);
    p->level = level;
    p->table = p->t.l[level];
    op_first_root(p->t.l[4]);
}

/* The value in place of a base value: result, stored word and counts as the model says. */
static void try_change(struct place *p, route_fn *route, bool preserve, uint64_t base,
                       uint64_t value)
{
    uint64_t kept, want;
    int rc;

    assert_int_equal(op_update(p->table, GUEST_SLOT, base), 0);
    kept = machine_peek(p->table, GUEST_SLOT);
    rc = model_result(value, p->level, p->table);
    want = rc ? kept : model_stored(value, p->level);
    if (!rc && preserve)
        want |= kept & (PTE_A | PTE_D);
    if (route(p, value) != rc)
        fail_msg("L%u: %016lx over %016lx is not answered %d", p->level, value, base, rc);
    if (machine_peek(p->table, GUEST_SLOT) != want)
        fail_msg("L%u: %016lx over %016lx gives %016lx, not %016lx", p->level, value, base,
                 machine_peek(p->table, GUEST_SLOT), want);
}

/* Every single bit of these base entries flipped, over the base entry. */
static void flip_bits(unsigned level, route_fn *route, bool preserve)
{
    struct place p;
    uint64_t bases[5];
    unsigned n = 0;

    place_make(&p, level);
    bases[n++] = pte_make(p.t.l[level - 1], level == 1 ? LEAF_RO : BRANCH);
    bases[n++] = pte_make(p.t.l[level - 1], level == 1 ? LEAF_RW : BRANCH & ~(PTE_RW | PTE_A));
    if (level == 1)
        bases[n++] = pte_make(p.t.l[0], KERNEL_RO | PTE_RW | PTE_NX);
    bases[n++] = 0x5555555555555554;
    bases[n++] = 0;
    for (unsigned b = 0; b < n; b++)
        for (unsigned bit = 0; bit < 64; bit++)
            try_change(&p, route, preserve, bases[b], bases[b] ^ 1ul << bit);
    assert_int_equal(op_update(p.table, GUEST_SLOT, bases[0]), 0);
    machine_end();
}

static void every_bit_by_mmu_update(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++)
        flip_bits(level, by_mmu_update, false);
    flip_bits(1, by_general_mmu_update, false);
}

static void every_bit_by_preserve_ad(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++)
        flip_bits(level, by_preserve_ad, true);
}

static void every_bit_by_update_va_mapping(void **state)
{
    (void)state;
    flip_bits(1, by_update_va, false);
    flip_bits(1, by_general_update_va, false);
}

static void every_bit_by_emulated_writes(void **state)
{
    (void)state;
    flip_bits(1, by_emulated_write, false);
    flip_bits(1, by_compare_exchange, false);
}

/* Two bits at once: an allowed change must not carry a forbidden one through the short way. */
static void pairs_of_bits(void **state)
{
    struct place p;

    (void)state;
    for (unsigned level = 1; level <= 4; level++) {
        uint64_t base;

        place_make(&p, level);
        base = pte_make(p.t.l[level - 1], level == 1 ? LEAF_RO : BRANCH);
        for (unsigned a = 1; a < 64; a++)
            for (unsigned b = 0; b < a; b++)
                if ((a < 12 || a > 51) && (b < 18 || b > 51))
                    try_change(&p, by_mmu_update, false, base, base ^ 1ul << a ^ 1ul << b);
        machine_end();
    }
}

static void every_bit_by_promotion(void **state)
{
    (void)state;
    for (unsigned level = 1; level <= 4; level++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            mfn_t table, child;
            uint64_t value;
            int rc;

            machine_begin(64);
            table = machine_page(&machine_guest);
            child = machine_page(&machine_guest);
            value = pte_make(child, level == 1 ? LEAF_RW : BRANCH) ^ 1ul << bit;
            machine_poke(table, PT_ENTRIES - 1, value);
            rc = model_result(value, level, table);
            assert_int_equal(op_pin(table, level), rc);
            assert_int_equal(machine_peek(table, PT_ENTRIES - 1),
                             rc ? value : model_stored(value, level));
            machine_end();
        }
    }
}

/* What the hypervisor changes in an entry, spelled out once without a model. */
static void adjustments(void **state)
{
    const struct {
        unsigned level;
        uint64_t asked, stored;
    } cases[] = {
        { 1, PTE_P, PTE_P | PTE_U | PTE_GUEST_KERNEL },
        { 1, PTE_P | PTE_RW | PTE_NX, PTE_P | PTE_RW | PTE_NX | PTE_U | PTE_GUEST_KERNEL },
        { 1, PTE_P | PTE_U, PTE_P | PTE_U | PTE_G },
        { 1, PTE_P | PTE_U | PTE_GUEST_KERNEL, PTE_P | PTE_U | PTE_GUEST_KERNEL },
        { 1, PTE_P | PTE_G, PTE_P | PTE_G | PTE_U | PTE_GUEST_KERNEL },
        { 2, PTE_P, PTE_P | PTE_U },
        { 3, PTE_P | PTE_RW, PTE_P | PTE_RW | PTE_U },
        { 4, PTE_P | PTE_NX, PTE_P | PTE_NX | PTE_U | PTE_A },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(pte_adjust(cases[i].asked, cases[i].level), cases[i].stored);
}

static void hypervisor_slots(void **state)
{
    (void)state;
    mfn_t l4 = machine_page(&machine_guest), l3 = machine_page(&machine_guest);

    for (unsigned slot = PT_HV_SLOT_FIRST; slot <= PT_HV_SLOT_LAST; slot++)
        machine_poke(l4, slot, pte_make(mfn_of(slot - PT_HV_SLOT_FIRST), BRANCH | PTE_PS));
    assert_int_equal(op_pin(l4, 4), 0); /* the check compares the slots with the template */
    for (unsigned slot = PT_HV_SLOT_FIRST; slot <= PT_HV_SLOT_LAST; slot++) {
        assert_refused(-EINVAL, op_update(l4, slot, 0));
        assert_refused(-EINVAL, op_update(l4, slot, pte_make(l3, BRANCH)));
        assert_refused(-EINVAL, op_update_ad(l4, slot, machine_peek(l4, slot) ^ PTE_AVAIL0));
    }
    assert_int_equal(op_update(l4, PT_HV_SLOT_FIRST - 1, pte_make(l3, BRANCH)), 0);
    assert_int_equal(op_update(l4, PT_HV_SLOT_LAST + 1, pte_make(l3, BRANCH)), 0);
    /* What the guest can write there once it is plain memory is gone with the next promotion. */
    assert_int_equal(op_unpin(l4), 0);
    machine_poke(l4, PT_HV_SLOT_LAST, pte_make(l3, BRANCH));
    assert_int_equal(op_pin(l4, 4), 0);
    /* At lower levels the same numbers are ordinary slots. */
    assert_int_equal(op_update(l3, PT_HV_SLOT_FIRST, 0), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, machine_setup, machine_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_by_mmu_update),
        cmocka_unit_test(every_bit_by_preserve_ad),
        cmocka_unit_test(every_bit_by_update_va_mapping),
        cmocka_unit_test(every_bit_by_emulated_writes),
        cmocka_unit_test(pairs_of_bits),
        cmocka_unit_test(every_bit_by_promotion),
        cmocka_unit_test(adjustments),
        T(hypervisor_slots),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
