/* SPDX-License-Identifier: MIT */
/*
 * Failure, preemption and interference at every point of every operation on page tables.
 *
 *   failure      the k-th fallible step fails: the request is refused and nothing has changed
 *   preemption   at the k-th check, or at each: the end is that of the undisturbed run
 *   both         refused or done; asked again undisturbed, the end is that of the undisturbed run
 *   interference another vCPU's operation between two pieces, or another CPU's between two accesses
 *                to shared words: every rule holds all the time, and everything can be taken apart
 */
#include "machine.h"

#include <string.h>

#include "pt/pin.h"

/* The stage: three trees that share tables, one of them loaded. */
static struct stage {
    struct machine_tree a, b;
    mfn_t l4, l3,
        l1; /* spare pages of the guest: an L4 and an L3 over shared tables, an empty L1 */
} stage;

static void stage_make(void)
{
    struct stage *s = &stage;

    machine_begin(64);
    s->a = machine_tree(&machine_guest, LEAF_RW);
    s->b = machine_tree(&machine_guest, LEAF_RW);
    s->l4 = machine_page(&machine_guest);
    s->l3 = machine_page(&machine_guest);
    s->l1 = machine_page(&machine_guest);
    /* b: two entries at each level, one of them shared with a. */
    machine_poke(s->b.l[1], 1, pte_make(s->a.l[0], LEAF_RO));
    machine_poke(s->b.l[2], 1, pte_make(s->l1, BRANCH));
    machine_poke(s->b.l[3], 1, pte_make(s->a.l[2], BRANCH));
    machine_poke(s->b.l[4], 1, pte_make(s->l3, BRANCH));
    machine_poke(s->l3, GUEST_SLOT, pte_make(s->a.l[2], BRANCH));
    machine_poke(s->l3, 1, pte_make(s->b.l[2], BRANCH));
    machine_poke(s->l4, GUEST_SLOT, pte_make(s->l3, BRANCH));
    machine_poke(s->l4, 1, pte_make(s->b.l[3], BRANCH));
    machine_run(1);
    op_first_root(s->a.l[4]);
    machine_run(0);
    op_first_root(s->a.l[4]);
    hooks_reset();
}

/* ---- the operations --------------------------------------------------------- */

static void nothing(void)
{
}

static long pin_b(void)
{
    return op_pin(stage.b.l[4], 4);
}

static void b_pinned(void)
{
    assert_int_equal(op_pin(stage.b.l[4], 4), 0);
}

static long unpin_b(void)
{
    return op_unpin(stage.b.l[4]);
}

static void b_and_l4_pinned(void)
{
    b_pinned();
    assert_int_equal(op_pin(stage.l4, 4), 0);
}

static long baseptr_b(void)
{
    return op_baseptr(stage.b.l[4]);
}

static long user_baseptr_b(void)
{
    return op_user_baseptr(stage.b.l[4]);
}

static void b_is_user_base(void)
{
    assert_int_equal(op_user_baseptr(stage.b.l[4]), 0);
}

static long user_baseptr_a(void)
{
    return op_user_baseptr(stage.a.l[4]);
}

static long hook_l3_of_b(void)
{
    return op_update(stage.a.l[4], 1, pte_make(stage.b.l[3], BRANCH));
}

static void l3_of_b_hooked(void)
{
    assert_int_equal(hook_l3_of_b(), 0);
}

static long replace_l3_of_b(void)
{
    return op_update(stage.a.l[4], 1, pte_make(stage.l3, BRANCH));
}

static long unhook_l3_of_b(void)
{
    return op_update(stage.a.l[4], 1, 0);
}

static long hook_l1(void)
{
    return op_update(stage.a.l[2], 1, pte_make(stage.b.l[1], BRANCH));
}

static long map_page(void)
{
    return op_update(stage.a.l[1], 1, pte_make(stage.b.l[0], LEAF_RW));
}

static long map_page_by_va(void)
{
    return op_update_va(0, pte_make(stage.b.l[0], LEAF_RW), 0);
}

static long map_future_table(void)
{
    return op_update(stage.a.l[1], 1, pte_make(stage.b.l[1], LEAF_RW));
}

static long write_plain(void)
{
    return op_update(stage.b.l[0], 2, 0x1234);
}

static long pin_l4(void)
{
    return op_pin(stage.l4, 4);
}

static long pin_l3(void)
{
    return op_pin(stage.l3, 3);
}

static long pin_l1_of_b(void)
{
    return op_pin(stage.b.l[1], 1);
}

static long pin_l1_of_b_as_l2(void)
{
    return op_pin(stage.b.l[1], 2);
}

/* A pin that is refused at the end of a deep tree: everything taken before goes back. */
static void b_has_a_bad_end(void)
{
    machine_poke(stage.l1, PT_ENTRIES - 1, pte_make(stage.b.l[1], LEAF_RW));
}

static const struct operation {
    const char *name;
    void (*prepare)(void);
    long (*run)(void);
    long result;
} operations[] = {
    { "pin an L4", nothing, pin_b, 0 },
    { "pin an L4 with a bad end", b_has_a_bad_end, pin_b, -EBUSY },
    { "unpin an L4", b_pinned, unpin_b, 0 },
    { "unpin an L4 that shares tables", b_and_l4_pinned, unpin_b, 0 },
    { "pin an L3", nothing, pin_l3, 0 },
    { "load a base pointer", nothing, baseptr_b, 0 },
    { "set a user base pointer", nothing, user_baseptr_b, 0 },
    { "replace a user base pointer", b_is_user_base, user_baseptr_a, 0 },
    { "hook an L3", nothing, hook_l3_of_b, 0 },
    { "replace an L3", l3_of_b_hooked, replace_l3_of_b, 0 },
    { "unhook an L3", l3_of_b_hooked, unhook_l3_of_b, 0 },
    { "hook an L1", nothing, hook_l1, 0 },
    { "map a page", nothing, map_page, 0 },
    { "map a page by its address", nothing, map_page_by_va, 0 },
    { "map a page that is no table yet", nothing, map_future_table, 0 },
    { "write to a plain page", nothing, write_plain, 0 },
    { "pin another L4", nothing, pin_l4, 0 },
    { "pin an L1", nothing, pin_l1_of_b, 0 },
    { "pin an L1 as an L2", nothing, pin_l1_of_b_as_l2, -EINVAL },
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static const struct operation *now;
static bool general; /* without the short ways */

static void stage_for(const struct operation *op)
{
    now = op;
    stage_make();
    op->prepare();
    hooks_reset();
    hooks.general = general;
}

/* The state after the undisturbed operation. */
static struct snapshot *end_of(const struct operation *op)
{
    struct snapshot *end;

    stage_for(op);
    assert_int_equal(op->run(), op->result);
    end = snapshot_take();
    machine_end();
    return end;
}

static void fails_at_every_step(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        const struct operation *op = &operations[i];
        unsigned long steps = 0;

        for (unsigned long k = 1; k <= steps + 1; k++) {
            struct snapshot *before;
            long rc;

            stage_for(op);
            before = snapshot_take();
            hooks.fail_at = k;
            machine_note("%s, step %lu fails", op->name, k);
            rc = op->run();
            steps = hooks.fallible_steps;
            if (k > steps)
                assert_int_equal(rc, op->result);
            else
                assert_int_not_equal(rc, 0);
            if (rc)
                assert_true(snapshot_same(before));
            snapshot_free(before);
            machine_end();
            if (k > steps)
                break;
        }
    }
}

static void preempted_at_every_check(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        const struct operation *op = &operations[i];
        struct snapshot *end = end_of(op);
        unsigned long checks = 0;

        for (unsigned long k = 0; k <= checks; k++) {
            stage_for(op);
            hooks.preempt_at = k ? k : ALWAYS;
            machine_note("%s, preempted at check %lu", op->name, k);
            assert_int_equal(op->run(), op->result);
            if (checks < hooks.preempt_checks)
                checks = hooks.preempt_checks;
            assert_true(snapshot_same(end));
            machine_end();
        }
        snapshot_free(end);
    }
}

/* The same without the short ways, which look less often. */
static void preempted_in_general(void **state)
{
    general = true;
    preempted_at_every_check(state);
    general = false;
}

/* What a refused and preempted request leaves partial is its frame's own; asking again ends well. */
static void fails_while_preempted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        const struct operation *op = &operations[i];
        struct snapshot *end = end_of(op);
        unsigned long steps = 0;

        for (unsigned long k = 1; k <= steps + 1; k++) {
            long rc;

            stage_for(op);
            hooks.preempt_at = ALWAYS;
            hooks.fail_at = k;
            machine_note("%s, preempted, step %lu fails", op->name, k);
            rc = op->run();
            steps = hooks.fallible_steps;
            hooks_reset();
            if (rc && op->result == 0)
                assert_int_equal(op->run(), 0);
            if (op->result == 0)
                assert_true(snapshot_same(end));
            machine_end();
            if (k > steps)
                break;
        }
        snapshot_free(end);
    }
}

/* ---- interference ----------------------------------------------------------- */

static const struct operation *other;
static unsigned long turns, turn_at;

/* The other vCPU's operation, on its own CPU, once. */
static void others_turn(void)
{
    unsigned long preempt_at = hooks.preempt_at;

    if (++turns != turn_at)
        return;
    machine_run(1);
    hooks.preempt_at = 0;
    machine_between_restarts = 0;
    (void)other->run();
    machine_between_restarts = others_turn;
    hooks.preempt_at = preempt_at;
}

static void others_between_pieces(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        for (unsigned j = 0; j < OPERATIONS; j++) {
            for (turn_at = 1;; turn_at++) {
                stage_for(&operations[i]);
                other = &operations[j];
                turns = 0;
                machine_note("%s, in its piece %lu: %s", now->name, turn_at, other->name);
                hooks.preempt_at = ALWAYS;
                hooks.rescheduled = others_turn;
                machine_between_restarts = others_turn;
                (void)now->run();
                machine_between_restarts = 0;
                machine_end();
                if (turns < turn_at)
                    break;
            }
        }
    }
}

static void others_between_general_pieces(void **state)
{
    general = true;
    others_between_pieces(state);
    general = false;
}

static void others_operation(void)
{
    machine_run(1);
    (void)other->run();
}

static void others_between_accesses(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        for (unsigned j = 0; j < OPERATIONS; j++) {
            unsigned long accesses = 0;

            for (unsigned long k = 1; k <= accesses + 1; k++) {
                stage_for(&operations[i]);
                other = &operations[j];
                machine_note("%s, at access %lu: %s", now->name, k, other->name);
                hooks.interrupt = others_operation;
                hooks.interrupt_at = k;
                (void)now->run();
                accesses = hooks.shared_accesses;
                hooks_reset();
                machine_check("after both");
                machine_end();
                if (k > accesses)
                    break;
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_at_every_step),     cmocka_unit_test(preempted_at_every_check),
        cmocka_unit_test(fails_while_preempted),   cmocka_unit_test(others_between_pieces),
        cmocka_unit_test(preempted_in_general),    cmocka_unit_test(others_between_general_pieces),
        cmocka_unit_test(others_between_accesses),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
