/* SPDX-License-Identifier: MIT */
/*
 * Hypercall vcpu_op, of time: where a vCPU's went, the areas that say so (hazards H14, H18), its timers;
 * and the line of each refusal.
 */
#include "vcpu_ops.h"

/* ---- runstate and time ------------------------------------------------------------------ */

/* With the time since the state was entered, unless the clock is behind. */
static void runstate(void **state)
{
    vcpu_runstate_info_t info;

    (void)state;
    other->runstate = (vcpu_runstate_info_t){ .state = RUNSTATE_blocked,
                                              .state_entry_time = TIME - 5,
                                              .time = { 10, 20, 30, 40 } };
    assert_int_equal(ask(VCPUOP_get_runstate_info, 1, ARG), 0);
    memcpy(&info, machine_guest_memory, sizeof(info));
    assert_int_equal(info.state, RUNSTATE_blocked);
    assert_int_equal(info.state_entry_time, TIME - 5);
    assert_int_equal(info.time[RUNSTATE_blocked], 35);
    assert_int_equal(info.time[RUNSTATE_running], 10);
    for (unsigned late = 0; late < 2; late++) {
        other->runstate.state_entry_time = TIME + late;
        assert_int_equal(ask(VCPUOP_get_runstate_info, 1, ARG), 0);
        memcpy(&info, machine_guest_memory, sizeof(info));
        assert_int_equal(info.time[RUNSTATE_blocked], 30);
    }
    ask_refused("vcpu_op get_runstate_info", "argument-unwritable", VCPUOP_get_runstate_info, 1,
                ABSENT, -EFAULT);
}

static void runstate_area(void **state)
{
    const char *name = "vcpu_op register_runstate_memory_area";
    const unsigned cmd = VCPUOP_register_runstate_memory_area;
    vcpu_runstate_info_t info;

    (void)state;
    ask_refused(name, "argument-unreadable", cmd, 0, ABSENT, -EFAULT);
    ask_refused(name, "area-out-of-range", cmd, 0, word(HV_VA_START), -EFAULT);
    ask_refused(name, "area-out-of-range", cmd, 1,
                word(HV_VA_START - sizeof(vcpu_runstate_info_t) + 1), -EFAULT);
    ask_refused(name, "area-out-of-range", cmd, 0, word(~0ul - 7), -EFAULT); /* it wraps */
    assert_int_equal(machine_sched.published, 0);
    assert_int_equal(self->runstate_va, 0);
    assert_int_equal(ask(cmd, 1, word(-sizeof(vcpu_runstate_info_t))), 0);
    assert_int_equal(ask(cmd, 1, word(0x0000800000000000ul - sizeof(vcpu_runstate_info_t))), 0);
    assert_int_equal(ask(cmd, 0, word(ARG + 64)), 0);
    assert_int_equal(self->runstate_va, ARG + 64);
    assert_int_equal(machine_sched.published, 1);
    /* Another's is written by the caller's tables now; an address that is not there never is. */
    other->runstate = (vcpu_runstate_info_t){ RUNSTATE_offline, TIME - 7, { 1, 2, 3, 4 } };
    assert_int_equal(ask(cmd, 1, word(ARG + 64)), 0);
    assert_int_equal(other->runstate_va, ARG + 64);
    assert_int_equal(machine_sched.published, 1);
    memcpy(&info, machine_guest_memory + 64, sizeof(info));
    assert_int_equal(info.state, RUNSTATE_offline);
    assert_int_equal(info.time[RUNSTATE_offline], 11);
    assert_int_equal(ask(cmd, 1, word(ABSENT)), 0);
    assert_int_equal(other->runstate_va, ABSENT);
}

static void time_area(void **state)
{
    const char *name = "vcpu_op register_vcpu_time_memory_area";
    const unsigned cmd = VCPUOP_register_vcpu_time_memory_area;

    (void)state;
    ask_refused(name, "argument-unreadable", cmd, 1, ABSENT, -EFAULT);
    ask_refused(name, "area-out-of-range", cmd, 1,
                word(HV_VA_START - sizeof(struct vcpu_time_info) + 1), -EFAULT);
    assert_int_equal(other->time_area_va, 0);
    assert_int_equal(ask(cmd, 1, word(ARG + 8)), 0);
    assert_int_equal(other->time_area_va, ARG + 8);
}

/* ---- timers --------------------------------------------------------------------------- */

static void periodic_timer(void **state)
{
    const char *name = "vcpu_op set_periodic_timer";
    const uint64_t least = 1000000, most = (1ul << 62) - 1;

    (void)state;
    ask_refused(name, "argument-unreadable", VCPUOP_set_periodic_timer, 1, ABSENT, -EFAULT);
    ask_refused(name, "period-out-of-range", VCPUOP_set_periodic_timer, 1, word(least - 1),
                -EINVAL);
    ask_refused(name, "period-out-of-range", VCPUOP_set_periodic_timer, 1, word(most + 1), -EINVAL);
    assert_int_equal(other->time.periodic_ns, 0);
    assert_int_equal(ask(VCPUOP_set_periodic_timer, 1, word(least)), 0);
    assert_int_equal(other->time.periodic_ns, least);
    assert_int_equal(ask(VCPUOP_set_periodic_timer, 1, word(most)), 0);
    assert_int_equal(other->time.periodic_ns, most);
    assert_int_equal(ask(VCPUOP_stop_periodic_timer, 1, 0), 0);
    assert_int_equal(other->time.periodic_ns, 0);
}

/* One's own only. A deadline of 0 has passed, and is none. */
static void single_shot_timer(void **state)
{
    const char *set = "vcpu_op set_singleshot_timer", *rule = "timer-of-another-vcpu";

    (void)state;
    ask_refused(set, rule, VCPUOP_set_singleshot_timer, 1, word(5), -EINVAL);
    ask_refused("vcpu_op stop_singleshot_timer", rule, VCPUOP_stop_singleshot_timer, 1, 0, -EINVAL);
    ask_refused(set, "argument-unreadable", VCPUOP_set_singleshot_timer, 0, ABSENT, -EFAULT);
    for (uint64_t at = 0; at < 3; at++) {
        assert_int_equal(ask(VCPUOP_set_singleshot_timer, 0, word(at)), 0);
        assert_int_equal(self->time.singleshot, at ? at : 1);
        assert_int_equal(other->time.singleshot, 0);
    }
    assert_int_equal(ask(VCPUOP_stop_singleshot_timer, 0, 0), 0);
    assert_int_equal(self->time.singleshot, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, unstage)
    const struct CMUnitTest tests[] = {
        T(runstate), T(runstate_area), T(time_area), T(periodic_timer), T(single_shot_timer),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
