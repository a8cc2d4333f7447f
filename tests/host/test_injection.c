/* SPDX-License-Identifier: MIT */
/*
 * Failure and preemption at every point of every operation on page tables.
 *
 *   failure      the k-th fallible step fails: the request is refused and nothing has changed
 *   preemption   at the k-th check, or at each: the end is that of the undisturbed run
 *   both         refused or done; asked again undisturbed, the end is that of the undisturbed run
 */
#include "table_ops.h"

static bool general; /* without the short ways */

static void stage_for(const struct table_op *op)
{
    table_op_stage(op, general);
}

/* The state after the undisturbed operation. */
static struct snapshot *end_of(const struct table_op *op)
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
    for (unsigned i = 0; i < table_ops_count; i++) {
        const struct table_op *op = &table_ops[i];
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
    for (unsigned i = 0; i < table_ops_count; i++) {
        const struct table_op *op = &table_ops[i];
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
    for (unsigned i = 0; i < table_ops_count; i++) {
        const struct table_op *op = &table_ops[i];
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_at_every_step),
        cmocka_unit_test(preempted_at_every_check),
        cmocka_unit_test(fails_while_preempted),
        cmocka_unit_test(preempted_in_general),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
