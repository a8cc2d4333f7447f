/* SPDX-License-Identifier: MIT */
/*
 * Interference at every point of every operation on page tables: another vCPU's operation between two
 * pieces, or another CPU's between two accesses to shared words. Every rule holds all the time, and
 * everything can be taken apart.
 */
#include "table_ops.h"

static const struct table_op *now, *other;
static bool general; /* without the short ways */
static unsigned long turns, turn_at;

static void stage_for(const struct table_op *op)
{
    now = op;
    table_op_stage(op, general);
}

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
    for (unsigned i = 0; i < table_ops_count; i++) {
        for (unsigned j = 0; j < table_ops_count; j++) {
            for (turn_at = 1;; turn_at++) {
                stage_for(&table_ops[i]);
                other = &table_ops[j];
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
    for (unsigned i = 0; i < table_ops_count; i++) {
        for (unsigned j = 0; j < table_ops_count; j++) {
            unsigned long accesses = 0;

            for (unsigned long k = 1; k <= accesses + 1; k++) {
                stage_for(&table_ops[i]);
                other = &table_ops[j];
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
        cmocka_unit_test(others_between_pieces),
        cmocka_unit_test(others_between_general_pieces),
        cmocka_unit_test(others_between_accesses),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
