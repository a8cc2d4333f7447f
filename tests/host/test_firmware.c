/* SPDX-License-Identifier: MIT */
/*
 * What firmware keeps: frames that the initial domain's L1 entries may name, and nobody else's; what
 * becomes of such an entry, of its references, and of the frames of the BIOS.
 */
#include "machine.h"

#include "pv/mmu_update.h"

#define ROM       mfn_of(0) /* stands for the BIOS, too */
#define BIOS      mfn_of(1)
#define VGA       mfn_of(2)
#define CACHING   (PTE_PWT | PTE_PCD | PTE_PAT)
#define KERNEL_RO (PTE_P | PTE_A | PTE_D | PTE_NX)

static struct machine_tree tree; /* the initial domain's */

static int setup(void **state)
{
    (void)state;
    machine_begin(64);
    frame_assign(ROM, OWNER_ROM, 0);
    frame_assign(VGA, OWNER_VGA, 0);
    frame_table[BIOS.n].ref = (uint64_t)OWNER_BIOS << FRAME_OWNER_SHIFT;
    firmware_blank = ROM;
    machine_control.owner.maps_firmware = true;
    machine_run(2);
    tree = machine_tree(&machine_control, LEAF_RO);
    op_first_root(tree.l[4]);
    return 0;
}

static int teardown(void **state)
{
    machine_teardown(state);
    machine_control.owner.maps_firmware = false;
    return 0;
}

static long update(mfn_t table, uint64_t value, uint64_t foreigndom)
{
    struct mmu_update *req = machine_requests();
    long rc;

    hooks_reset();
    req[0] = (struct mmu_update){ mfn_to_ma(table) + GUEST_SLOT * sizeof(uint64_t), value };
    rc = machine_hypercall(hc_mmu_update, GUEST_REQUESTS, 1, GUEST_DONE, foreigndom);
    machine_check("mmu_update");
    return rc;
}

static void entry_is(mfn_t table, mfn_t mfn, uint64_t flags)
{
    assert_int_equal(machine_peek(table, GUEST_SLOT), mfn_to_ma(mfn) | flags | PTE_U);
}

static void uses_are(mfn_t mfn, unsigned refs, unsigned types)
{
    assert_int_equal(frame_refs(mfn), 1 + refs);
    assert_int_equal(frame_type_refs(mfn), types);
}

static void each_kind_of_frame(void **state)
{
    const uint64_t asked[] = { KERNEL_RO, KERNEL_RO | PTE_RW, KERNEL_RO | PTE_RW | CACHING,
                               KERNEL_RO | PTE_PCD };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t flags = KERNEL_RO | PTE_GUEST_KERNEL, rw = asked[i] & PTE_RW;

        assert_int_equal(update(tree.l[1], pte_make(ROM, asked[i]), DOMID_SELF), 0);
        entry_is(tree.l[1], ROM, flags);
        uses_are(ROM, 1, 0);
        assert_int_equal(update(tree.l[1], pte_make(VGA, asked[i]), DOMID_IO), 0);
        entry_is(tree.l[1], VGA, flags | rw);
        uses_are(ROM, 0, 0);
        uses_are(VGA, 1, !!rw);
        assert_int_equal(update(tree.l[1], pte_make(BIOS, asked[i]), DOMID_SELF), 0);
        entry_is(tree.l[1], ROM, flags);
        uses_are(VGA, 0, 0);
        uses_are(ROM, 1, 0);
        assert_int_equal(update(tree.l[1], 0, DOMID_SELF), 0);
        uses_are(ROM, 0, 0);
    }
}

static void by_promotion(void **state)
{
    struct machine_tree t = machine_tree(&machine_control, LEAF_RO);
    const mfn_t named[] = { ROM, BIOS, VGA };

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        machine_poke(t.l[1], i, pte_make(named[i], KERNEL_RO | PTE_RW | PTE_PCD));
    assert_int_equal(op_pin(t.l[1], 1), 0);
    uses_are(ROM, 2, 0);
    uses_are(VGA, 1, 1);
    assert_int_equal(machine_peek(t.l[1], 1), pte_make(ROM, KERNEL_RO | PTE_U | PTE_GUEST_KERNEL));
    assert_int_equal(op_unpin(t.l[1]), 0);
    uses_are(ROM, 0, 0);
    uses_are(VGA, 0, 0);
}

/* Neither a domU, nor in a domU's table, nor as anything but what an L1 entry maps. */
static void nobody_elses(void **state)
{
    const mfn_t named[] = { ROM, BIOS, VGA };
    struct machine_tree theirs;

    (void)state;
    machine_run(0);
    theirs = machine_tree(&machine_guest, LEAF_RO);
    op_first_root(theirs.l[4]);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(update(theirs.l[1], pte_make(named[i], KERNEL_RO), DOMID_SELF), -EPERM);
    machine_run(2);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t in_theirs = (uint64_t)(machine_guest.id + 1) << 16;

        assert_int_equal(update(theirs.l[1], pte_make(named[i], KERNEL_RO), in_theirs | DOMID_IO),
                         -EPERM);
        assert_int_equal(update(theirs.l[1], pte_make(named[i], KERNEL_RO), in_theirs | DOMID_SELF),
                         -EPERM);
        assert_int_equal(update(tree.l[1], pte_make(named[i], KERNEL_RO), DOMID_XEN), -EPERM);
        assert_int_equal(update(tree.l[2], pte_make(named[i], BRANCH), DOMID_SELF), -EINVAL);
        assert_int_equal(update(named[i], 0, DOMID_SELF), -EINVAL);
        assert_int_equal(op_pin(named[i], 1), -EINVAL);
        assert_int_equal(op_baseptr(named[i]), -EINVAL);
    }
    uses_are(ROM, 0, 0);
    uses_are(VGA, 0, 0);
}

/* An initial domain's entries in a domU's table are as they were: empty, its own frame, no frame. */
static void in_the_tables_of_others(void **state)
{
    uint64_t in_theirs = (uint64_t)(machine_guest.id + 1) << 16 | DOMID_SELF;
    struct machine_tree theirs;

    (void)state;
    machine_run(0);
    theirs = machine_tree(&machine_guest, LEAF_RO);
    op_first_root(theirs.l[4]);
    machine_run(2);
    assert_int_equal(update(theirs.l[1], 0, in_theirs), 0);
    assert_int_equal(update(theirs.l[1], pte_make(mfn_of(frame_limit), KERNEL_RO), in_theirs),
                     -EPERM);
    assert_int_equal(update(theirs.l[1], pte_make(theirs.l[0], KERNEL_RO), in_theirs), -EBUSY);
    assert_int_equal(update(theirs.l[2], pte_make(theirs.l[1], BRANCH), in_theirs), -EINVAL);
}

/* Their counters are as finite as any. */
static void counts_at_their_end(void **state)
{
    uint64_t ref = frame_table[VGA.n].ref;

    (void)state;
    machine_checks_off = true;
    frame_table[VGA.n].ref = (ref & ~FRAME_REF_COUNT) | FRAME_REF_MAX;
    assert_int_equal(update(tree.l[1], pte_make(VGA, KERNEL_RO), DOMID_SELF), -EPERM);
    frame_table[VGA.n].ref = ref;
    machine_checks_off = false;
    machine_check("counts");
    uses_are(VGA, 0, 0);
}

/* What the auditor is to notice: writable ROM; ROM in a domU's table; the firmware's own reference. */
static void auditor_notices(void **state)
{
    (void)state;
    assert_int_equal(update(tree.l[1], pte_make(ROM, KERNEL_RO), DOMID_SELF), 0);
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t damage[] = { PTE_RW, PTE_PCD };
        uint64_t *entry = (uint64_t *)frame_va(tree.l[1]) + GUEST_SLOT;

        *entry |= damage[i];
        assert_int_not_equal(machine_audit(true), 0);
        assert_false(machine_sums_agree());
        *entry &= ~damage[i];
        assert_int_equal(machine_audit(true), 0);
    }
    frame_table[VGA.n].type = FRAME_VALIDATED;
    assert_int_not_equal(machine_audit(true), 0);
    assert_false(machine_sums_agree());
    frame_table[VGA.n].type = 0;
    frame_table[ROM.n].ref &= ~FRAME_ALLOCATED;
    frame_table[ROM.n].ref--;
    assert_int_not_equal(machine_audit(true), 0);
    assert_false(machine_sums_agree());
    frame_table[ROM.n].ref++;
    frame_table[ROM.n].ref |= FRAME_ALLOCATED;
    assert_int_equal(machine_audit(true), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(each_kind_of_frame),      T(by_promotion),        T(nobody_elses),
        T(in_the_tables_of_others), T(counts_at_their_end), T(auditor_notices),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
