/* SPDX-License-Identifier: MIT */
/*
 * Grants with a failure or a preemption at every point (hazards G1, G4): a request that fails has changed
 * nothing; one that is cut into pieces ends as undisturbed; no word is read twice.
 */
#include "grant_ops.h"

static void fails_at_every_step(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        const struct operation *op = &operations[i];
        unsigned long steps = 0;

        for (unsigned long k = 1; k <= steps + 1; k++) {
            struct snapshot *before;
            int status;

            stage_for(op);
            before = snapshot_take();
            hooks.fail_at = k;
            machine_note("%s, step %lu fails", op->name, k);
            status = op->run();
            steps = hooks.fallible_steps;
            hooks_reset();
            if (op->whole)
                assert_int_equal(status != 0, k <= steps);
            if (op->whole && status) {
                if (!snapshot_same(before))
                    fail_msg("%s: something has changed", machine_noted());
            }
            snapshot_free(before);
            machine_end();
        }
    }
}

static void preempted_at_every_check(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        const struct operation *op = &operations[i];
        unsigned long checks = 0;
        struct snapshot *end;

        stage_for(op);
        assert_int_equal(op->run(), 0);
        end = snapshot_take();
        machine_end();
        for (unsigned long k = 0; k <= checks; k++) {
            stage_for(op);
            hooks.preempt_at = k ? k : ALWAYS;
            machine_note("%s, preempted at check %lu", op->name, k);
            assert_int_equal(op->run(), 0);
            checks = checks > hooks.preempt_checks ? checks : hooks.preempt_checks;
            if (!snapshot_same_end(end))
                fail_msg("%s: another end", machine_noted());
            machine_end();
        }
        snapshot_free(end);
    }
}

/* No word of the guest's is read twice: neither of a request, nor of an entry, nor of a table. */
static void words_read_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        stage_for(&operations[i]);
        hooks.flip = operations[i].whole;
        machine_note("%s, words that change", operations[i].name);
        if (operations[i].whole) {
            assert_int_equal(operations[i].run(), 0);
            assert_int_equal(hooks.double_reads, 0);
        }
        machine_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_at_every_step),
        cmocka_unit_test(preempted_at_every_check),
        cmocka_unit_test(words_read_once),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
