/* SPDX-License-Identifier: MIT */
/*
 * Base pointers: the short way of a lone request without a counter, and the general way, are asked the
 * same in every situation, and must leave the same.
 */
#include "machine.h"

#include "pv/descriptor.h"
#include "pv/emulate.h"

enum { SAME, PINNED, FRESH, EMPTY, LEVEL3, FOREIGN, BEYOND, NEWS };

static struct outcome {
    long rc;
    uint64_t cr3, m2p_slot;
    uint64_t refs, types; /* of the root that was there first */
    uint16_t ldt_mapped;
} outcomes[2];

static struct machine_tree first, other;
static mfn_t descriptors, empty, foreign;

static mfn_t frame_named(unsigned new)
{
    switch (new) {
    case SAME:
        return first.l[4];
    case PINNED:
    case FRESH:
        return other.l[4];
    case LEVEL3:
        return first.l[3];
    case EMPTY:
        return empty;
    case FOREIGN:
        return foreign;
    default:
        return mfn_of(frame_limit);
    }
}

/* keep: the first root is pinned; shown: the other one shows the M2P already. */
static void stage_make(unsigned new, bool keep, bool shown, bool ldt)
{
    machine_begin(64);
    first = machine_tree(&machine_guest, LEAF_RO);
    other = machine_tree(&machine_guest, LEAF_RO);
    descriptors = machine_page(&machine_guest);
    empty = machine_page(&machine_guest);
    foreign = machine_tree(&machine_control, LEAF_RO).l[4];
    op_first_root(first.l[4]);
    if (keep)
        assert_int_equal(op_pin(first.l[4], 4), 0);
    if (new == PINNED)
        assert_int_equal(op_pin(other.l[4], 4), 0);
    if (new == PINNED && shown) {
        assert_int_equal(op_pin(first.l[4], 4), keep ? -EINVAL : 0);
        assert_int_equal(op_baseptr(other.l[4]), 0);
        assert_int_equal(op_baseptr(first.l[4]), 0);
        assert_int_equal(keep ? 0 : op_unpin(first.l[4]), 0);
    }
    if (ldt) {
        assert_int_equal(op_update(first.l[1], 0, pte_make(descriptors, LEAF_RO)), 0);
        assert_int_equal(ldt_set(0, 1), 0);
        assert_true(ldt_fault(vcpu_current(), PERDOMAIN_VA + PERDOMAIN_LDT_OFFSET));
    }
}

static void ask(mfn_t new, uint64_t done_va, struct outcome *o)
{
    struct mmuext_op *op = machine_requests();
    const struct vcpu *v = vcpu_current();

    *op = (struct mmuext_op){ .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = new.n };
    hooks_reset();
    hooks.general = done_va != 0;
    o->rc = machine_hypercall(hc_mmuext_op, GUEST_REQUESTS, 1, done_va, DOMID_SELF);
    machine_check("new base pointer");
    assert_int_equal(machine_percpu[0].cr3, v->cr3_kernel);
    o->cr3 = v->cr3_kernel;
    o->m2p_slot = machine_peek(ma_to_mfn(v->cr3_kernel), PT_HV_SLOT_FIRST);
    o->refs = frame_refs(first.l[4]);
    o->types = frame_type_refs(first.l[4]);
    o->ldt_mapped = v->ldt_mapped;
    hooks_reset();
}

static void both_ways_are_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NEWS * 8; i++) {
        unsigned new = i / 8;
        bool left;

        machine_note("case %u", i);
        for (unsigned way = 0; way < 2; way++) {
            stage_make(new, i & 1, i & 2, i & 4);
            ask(frame_named(new), way ? 0 : GUEST_DONE, &outcomes[way]);
            machine_end();
        }
        assert_memory_equal(&outcomes[0], &outcomes[1], sizeof(outcomes[0]));
        assert_int_equal(outcomes[0].rc == 0, new <= EMPTY);
        assert_int_not_equal(outcomes[0].m2p_slot, 0);
        left = new != SAME &&new <= EMPTY;
        assert_int_equal(outcomes[0].types, (i & 1) + !left);
        assert_int_equal(outcomes[0].ldt_mapped, (i & 4) && !left);
    }
}

/* At every check the CPU is wanted, as the old root is taken apart. */
static void preempted_anywhere(void **state)
{
    (void)state;
    for (unsigned long k = 1; k < 8; k++) {
        struct mmuext_op *op;

        stage_make(PINNED, false, false, false);
        op = machine_requests();
        *op = (struct mmuext_op){ .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = other.l[4].n };
        hooks_reset();
        hooks.preempt_at = k;
        assert_int_equal(machine_hypercall(hc_mmuext_op, GUEST_REQUESTS, 1, 0, DOMID_SELF), 0);
        hooks_reset();
        machine_check("done");
        assert_int_equal(frame_type_refs(first.l[4]), 0);
        machine_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_are_one),
        cmocka_unit_test(preempted_anywhere),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
