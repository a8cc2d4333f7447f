/* SPDX-License-Identifier: MIT */
/*
 * VCPUOP_initialise with a failure or a preemption at every point, and whatever is given (hazards P3, P5,
 * H2): a refusal leaves no reference too many; what is read is read once.
 */
#include "context.h"

#include <stdlib.h>

/* A failure at each step that may fail, then the same once more without. */
static void failing_anywhere(void **state)
{
    unsigned refusals = 0;

    (void)state;
    for (unsigned long k = 1;; k++) {
        long rc;

        hooks_reset();
        hooks.fail_at = k;
        rc = initialise(&good);
        if (!rc)
            break;
        refusals++;
        assert_false(machine_vcpu[NEW].initialised);
        assert_int_equal(machine_vcpu[NEW].cr3_kernel | machine_vcpu[NEW].cr3_user, 0);
        assert_int_equal(frame_type_refs(kernel.l[4]) + frame_type_refs(user.l[4]), 0);
        assert_int_equal(frame_type_refs(gdt), 0);
        assert_int_equal(frame_refs(kernel.l[4]), 1);
    }
    assert_true(refusals >= 5);
}

static bool kernel_root_kept;

static void look_between(void)
{
    kernel_root_kept |= machine_vcpu[NEW].cr3_kernel != 0;
}

/* A preemption at each check, one at a time and all of them, with the user's root refused or not. */
static void preempted_anywhere(void **state)
{
    unsigned restarts = 0;

    (void)state;
    kernel_root_kept = false;
    machine_between_restarts = look_between;
    for (unsigned bad = 0; bad < 2; bad++) {
        for (unsigned long k = 1;; k++) {
            hooks_reset();
            hooks.preempt_at = k == 30 ? ALWAYS : k;
            good.ctrlreg[1] = mfn_to_ma(bad ? gdt : user.l[4]);
            assert_int_equal(initialise(&good), bad ? -EINVAL : 0);
            restarts += machine_restarts;
            if (bad)
                assert_int_equal(frame_refs(kernel.l[4]), 1);
            if (k == 30)
                break;
            if (!bad)
                take_apart();
        }
        if (!bad) {
            machine_vcpu[NEW].initialised = false;
            unstage(state);
            stage(state);
            machine_between_restarts = look_between;
        }
    }
    assert_true(restarts > 8);
    assert_true(kernel_root_kept); /* what a piece has taken is not begun anew */
}

static struct machine_tree other;
static unsigned long pieces;

static void ask_for_another(void)
{
    pieces++;
    good.ctrlreg[3] = mfn_to_ma(pieces % 2 ? other.l[4] : kernel.l[4]);
    memcpy(machine_requests(), &good, sizeof(good));
    hooks_reset();
    hooks.preempt_at = pieces < 20 ? pieces : 0;
}

/* The guest changes its mind between two pieces: none leaves cleanup for the next. */
static void another_root_in_between(void **state)
{
    (void)state;
    other = machine_tree(&machine_guest, LEAF_RO);
    pieces = 0;
    hooks.preempt_at = 1;
    machine_between_restarts = ask_for_another;
    assert_int_equal(initialise(&good), 0);
    machine_between_restarts = 0;
    assert_true(pieces > 2);
    assert_int_equal(machine_vcpu[NEW].cr3_kernel, good.ctrlreg[3]);
}

/* What was preempted and then refused may stay half validated: that is the frame's own reference. */
static bool left_partial(mfn_t mfn)
{
    return frame_of(mfn)->type & FRAME_PARTIAL;
}

/* Any words of the context changed, with failures and preemptions: refused and unchanged, or taken. */
static void whatever_is_given(void **state)
{
    static uint64_t words[sizeof(good) / 8];
    unsigned taken = 0;

    (void)state;
    srand(7);
    for (unsigned round = 0; round < 4000; round++) {
        long rc;

        memcpy(words, &good, sizeof(words));
        for (unsigned n = (unsigned)rand() % 4; n-- > 0;) {
            uint64_t value = (uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand();
            unsigned at = (unsigned)rand() % (sizeof(words) / 8);

            if (rand() % 2) /* where the numbers are */
                at = (unsigned)(offsetof(vcpu_guest_context_t, ldt_base) / 8 +
                                (unsigned)rand() % 40);
            words[at] = rand() % 3 ? value >> rand() % 64 : mfn_to_ma(mfn_of(value % 64));
        }
        hooks_reset();
        hooks.fail_at = rand() % 4 ? 0 : 1 + (unsigned)rand() % 40;
        /* Not both: a table that another level was tried on, and left at that, would stay so. */
        hooks.preempt_at = hooks.fail_at || rand() % 4 ? 0 : 1 + (unsigned)rand() % 20;
        machine_note("round %u", round);
        rc = initialise((const vcpu_guest_context_t *)words);
        assert_true(!rc || rc == -EINVAL || rc == -ENOMEM || rc == -EBUSY); /* of an entry */
        taken += !rc;
        /* Only here may the window of a vCPU that has one be refused the page of zeroes. */
        if (rc && hooks.fail_at)
            vcpu_descriptors_release(&machine_vcpu[NEW]);
        if (!rc)
            take_apart();
        assert_int_equal(frame_refs(kernel.l[4]), left_partial(kernel.l[4]) ? 2 : 1);
        assert_int_equal(frame_refs(user.l[4]), left_partial(user.l[4]) ? 2 : 1);
        assert_int_equal(frame_refs(gdt), 1);
    }
    /* From the round on in which one of them is tried as an L4, which is written to, few are taken. */
    assert_true(taken > 200 && taken < 3700);
}

static void read_once(void **state)
{
    (void)state;
    hooks_reset();
    assert_int_equal(initialise(&good), 0);
    assert_int_equal(hooks.double_reads, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, stage, unstage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failing_anywhere), TEST(preempted_anywhere), TEST(another_root_in_between),
        TEST(read_once),        TEST(whatever_is_given),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
