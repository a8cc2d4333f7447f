/* SPDX-License-Identifier: MIT */
/*
 * Hypercall vcpu_op: who may be asked about, the answer of each operation, and the line of each refusal.
 * Another vCPU's state, timers, areas and vcpu_info (hazards H14, H18) as of this one.
 */
#include "events.h"

#include <stdio.h>
#include <string.h>

#include "dom/sched.h"
#include "sched.h"

#define OTHER  1u        /* machine_vcpu: the guest's vCPU 1 */
#define ARG    GUEST_VA  /* of the operation */
#define ABSENT 0x10ul    /* an address that cannot be reached */
#define TIME   0x50000ul /* what the machine's clock says */
#define LIMIT  (PAGE_SIZE - sizeof(vcpu_info_t))

static struct vcpu *self, *other;

static int stage(void **state)
{
    machine_setup(state);
    events_begin();
    machine_sched = (struct machine_sched){ .now = TIME };
    self = &machine_vcpu[0];
    other = &machine_vcpu[OTHER];
    for (unsigned i = 0; i < MACHINE_VCPUS; i++) {
        struct vcpu *v = &machine_vcpu[i];

        v->initialised = true;
        v->state = VCPU_RUNNABLE;
        v->nmi_pending = false;
        v->runstate_va = v->time_area_va = 0;
        v->time = (struct vcpu_time){ 0 };
        v->runstate = (vcpu_runstate_info_t){ 0 };
    }
    hooks_reset();
    log_clear();
    return 0;
}

static int unstage(void **state)
{
    events_end();
    return machine_teardown(state);
}

/* An answer that is no refusal leaves no line; one that is, the line of this operation. */
static long ask(unsigned cmd, uint64_t id, uint64_t va)
{
    long rc;

    log_clear();
    rc = machine_hypercall(hc_vcpu_op, cmd, id, va, 0);
    machine_check("vcpu_op");
    if (rc >= 0)
        assert_string_equal(log_text(), "");
    return rc;
}

/* The same, refused by this rule. */
static void ask_refused(const char *name, const char *rule, unsigned cmd, uint64_t id, uint64_t va,
                        long err)
{
    char line[128];

    snprintf(line, sizeof(line), "refused %s[0]: rule %s: ", name, rule);
    assert_refused(err, ask(cmd, id, va));
    if (!strstr(log_text(), line))
        fail_msg("not %s but: %s", line, log_text());
}

static void *arg(const void *from, size_t bytes)
{
    return memcpy(machine_guest_memory, from, bytes);
}

static uint64_t word(uint64_t value)
{
    arg(&value, sizeof(value));
    return ARG;
}

/* ---- which -------------------------------------------------------------------------- */

static void which_vcpu_and_operation(void **state)
{
    (void)state;
    machine_guest.vcpu[1] = 0;
    ask_refused("vcpu_op", "vcpu-unknown", VCPUOP_is_up, 1, 0, -ENOENT);
    machine_guest.vcpu[1] = other;
    machine_guest.vcpu[3] = other;
    ask_refused("vcpu_op", "vcpu-unknown", VCPUOP_is_up, 3, 0, -ENOENT);
    machine_guest.vcpu[3] = 0;
    ask_refused("vcpu_op", "vcpu-unknown", 100, 3, 0, -ENOENT);
    ask_refused("vcpu_op", "vcpu-op-unknown", ~0u, 0, 0, -ENOSYS);
    ask_refused("vcpu_op", "vcpu-op-unknown", VCPUOP_register_vcpu_time_memory_area + 1, 0, 0,
                -ENOSYS);
    /* Both are numbers of 32 bits. */
    assert_int_equal(ask(VCPUOP_is_up, 1ul << 32, 0), 1);
    assert_int_equal(machine_hypercall(hc_vcpu_op, 1ul << 32 | VCPUOP_is_up, 0, 0, 0), 1);
    machine_run(2);
    assert_int_equal(ask(VCPUOP_is_up, 0, 0), 1);
    ask_refused("vcpu_op", "vcpu-unknown", VCPUOP_is_up, 1, 0, -ENOENT);
}

/* Two operations refused by one rule are not one that is repeated. */
static void each_line_its_operation(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        ask_refused("vcpu_op set_periodic_timer", "argument-unreadable", VCPUOP_set_periodic_timer,
                    0, ABSENT, -EFAULT);
        ask_refused("vcpu_op set_singleshot_timer", "argument-unreadable",
                    VCPUOP_set_singleshot_timer, 0, ABSENT, -EFAULT);
    }
}

/* ---- up and down ---------------------------------------------------------------------- */

static void is_up(void **state)
{
    static const bool up[] = {
        [VCPU_DOWN] = false, [VCPU_RUNNABLE] = true, [VCPU_BLOCKED] = true, [VCPU_STOPPED] = false
    };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        other->state = (uint8_t)i;
        assert_int_equal(ask(VCPUOP_is_up, 1, 0), up[i]);
    }
}

static void up(void **state)
{
    (void)state;
    other->state = VCPU_DOWN;
    other->initialised = false;
    ask_refused("vcpu_op up", "vcpu-not-initialised", VCPUOP_up, 1, 0, -EINVAL);
    other->initialised = true;
    assert_int_equal(ask(VCPUOP_up, 1, 0), 0);
    assert_int_equal(other->state, VCPU_RUNNABLE);
}

/* The CPU is given away only by the vCPU that runs; the last takes the domain with it. */
static void down(void **state)
{
    (void)state;
    assert_int_equal(ask(VCPUOP_down, 1, 0), 0);
    assert_int_equal(other->state, VCPU_DOWN);
    assert_int_equal(machine_sched.stops, 1);
    assert_int_equal(machine_sched.schedules, 0);
    assert_int_equal(ask(VCPUOP_down, 1, 0), 0); /* it is already */
    assert_int_equal(machine_sched.stops, 1);
    assert_int_equal(ask(VCPUOP_down, 0, 0), 0);
    assert_int_equal(self->state, VCPU_DOWN);
    assert_int_equal(machine_sched.schedules, 1);
    assert_int_equal(machine_sched.shutdowns, 0);
    assert_int_equal(ask(VCPUOP_down, 2, 0), 0);
    assert_int_equal(machine_sched.shutdowns, 1);
    assert_int_equal(machine_sched.reason, SHUTDOWN_poweroff);
    assert_true(machine_guest.shut_down);
    assert_int_equal(machine_sched.stops, 2); /* its shutdown stops it */
    machine_guest.shut_down = false;
}

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

/* ---- vcpu_info --------------------------------------------------------------------------- */

static uint64_t place(mfn_t mfn, uint32_t offset)
{
    vcpu_register_vcpu_info_t info = { .mfn = mfn.n, .offset = offset };

    arg(&info, sizeof(info));
    return ARG;
}

static void vcpu_info_refused(void **state)
{
    const char *name = "vcpu_op register_vcpu_info";
    const unsigned cmd = VCPUOP_register_vcpu_info;
    mfn_t page = machine_page(&machine_guest), table = machine_page(&machine_guest);
    mfn_t foreign = machine_page(&machine_control);

    (void)state;
    ask_refused(name, "argument-unreadable", cmd, 0, ABSENT, -EFAULT);
    ask_refused(name, "vcpu-info-misplaced", cmd, 0, place(page, LIMIT + 8), -ENXIO);
    ask_refused(name, "vcpu-info-misplaced", cmd, 0, place(page, 1), -ENXIO);
    ask_refused(name, "vcpu-info-misplaced", cmd, 0, place(page, 4), -ENXIO);
    ask_refused(name, "vcpu-is-running", cmd, 1, place(page, 0), -EINVAL);
    other->state = VCPU_BLOCKED;
    ask_refused(name, "vcpu-is-running", cmd, 1, place(page, 0), -EINVAL);
    assert_int_equal(op_pin(table, 1), 0);
    assert_refused(-EINVAL, ask(cmd, 0, place(table, 0)));
    assert_non_null(strstr(log_text(), "rule frame-has-other-type: -EINVAL"));
    assert_refused(-EINVAL, ask(cmd, 0, place(foreign, 0)));
    assert_non_null(strstr(log_text(), "rule frame-not-owned: -EINVAL"));
    assert_refused(-EINVAL, ask(cmd, 0, place(mfn_of(frame_limit), 0)));
    assert_non_null(strstr(log_text(), "rule frame-beyond-memory: -EINVAL"));
    assert_true(mfn_eq(self->info_mfn, MFN_NONE));
}

/* It moves with what it says; everything is pending then. Its frame stays writable memory. */
static void vcpu_info_moves(void **state)
{
    mfn_t page = machine_page(&machine_guest);
    vcpu_info_t *was[2] = { self->info, other->info };

    (void)state;
    other->state = VCPU_DOWN;
    for (unsigned i = 0; i < 2; i++) {
        struct vcpu *v = i ? other : self;
        uint32_t offset = i ? LIMIT : 64;

        *was[i] = (vcpu_info_t){ .evtchn_upcall_mask = 1, .arch = { .cr2 = 0x1234 + i } };
        v->exit_test = 0;
        assert_int_equal(ask(VCPUOP_register_vcpu_info, i, place(page, offset)), 0);
        assert_ptr_equal(v->info, (uint8_t *)frame_va(page) + offset);
        assert_int_equal(v->info_mfn.n, page.n);
        assert_int_equal(v->info->evtchn_upcall_mask, 1);
        assert_int_equal(v->info->arch.cr2, 0x1234 + i);
        assert_true(v->info->evtchn_pending_sel == ~0ul);
        assert_int_equal(v->info->evtchn_upcall_pending, 1);
        assert_ptr_equal(v->exit_test, vcpu_exit_always);
        assert_int_equal(machine_sched.time_refreshed, i + 1);
        assert_int_equal(frame_type_refs(page), i + 1);
        assert_int_equal(frame_refs(page), i + 2);
        ask_refused("vcpu_op register_vcpu_info", "vcpu-info-registered-already",
                    VCPUOP_register_vcpu_info, i, place(page, 128), -EINVAL);
    }
    assert_refused(-EINVAL, op_pin(page, 1));
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void nmi(void **state)
{
    (void)state;
    other->state = VCPU_BLOCKED;
    ask_refused("vcpu_op send_nmi", "argument-not-null", VCPUOP_send_nmi, 1, 1, -EINVAL);
    assert_false(other->nmi_pending);
    other->exit_test = 0;
    assert_int_equal(ask(VCPUOP_send_nmi, 1, 0), 0);
    assert_true(other->nmi_pending);
    assert_int_equal(other->state, VCPU_RUNNABLE);
    assert_ptr_equal(other->exit_test, vcpu_exit_always);
    assert_false(self->nmi_pending);
}

static uint64_t physid(unsigned id)
{
    uint64_t answer;

    word(0x77);
    assert_int_equal(ask(VCPUOP_get_physid, id, ARG), 0);
    memcpy(&answer, machine_guest_memory, sizeof(answer));
    return answer;
}

static void physical_ids(void **state)
{
    (void)state;
    ask_refused("vcpu_op get_physid", "vcpu-not-pinned", VCPUOP_get_physid, 0, ARG, -EINVAL);
    machine_guest.initial = true;
    assert_int_equal(physid(0), 0);
    assert_int_equal(physid(1), 0xfffffffffful);
    ask_refused("vcpu_op get_physid", "argument-unwritable", VCPUOP_get_physid, 0, ABSENT, -EFAULT);
    machine_guest.initial = false;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, unstage)
    const struct CMUnitTest tests[] = {
        T(which_vcpu_and_operation),
        T(each_line_its_operation),
        T(is_up),
        T(up),
        T(down),
        T(runstate),
        T(runstate_area),
        T(time_area),
        T(periodic_timer),
        T(single_shot_timer),
        T(vcpu_info_refused),
        T(vcpu_info_moves),
        T(nmi),
        T(physical_ids),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
