/* SPDX-License-Identifier: MIT */
/*
 * Hypercall vcpu_op: who may be asked about, the answer of each operation, and the line of each refusal.
 * Another vCPU's state and vcpu_info (hazard H18) as of this one. Its time is test_vcpu_time's.
 */
#include "vcpu_ops.h"

#include "dom/sched.h"

#define LIMIT (PAGE_SIZE - sizeof(vcpu_info_t))

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
        T(which_vcpu_and_operation), T(each_line_its_operation), T(is_up), T(up),           T(down),
        T(vcpu_info_refused),        T(vcpu_info_moves),         T(nmi),   T(physical_ids),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
