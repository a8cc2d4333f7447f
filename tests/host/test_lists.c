/* SPDX-License-Identifier: MIT */
/*
 * Lists of other things than requests for page tables (hazards H4, P20): trap handlers and multicalls.
 * They are read piece by piece, and end where the ABI says that they do.
 */
#include "machine.h"

#include <string.h>

#define TRAPS 700u

static int stage(void **state)
{
    machine_setup(state);
    machine_irets = 0;
    hooks_reset();
    return 0;
}

static struct trap_info *trap_list(unsigned count)
{
    struct trap_info *list = machine_requests();

    for (unsigned i = 0; i < count; i++)
        list[i] = (struct trap_info){ .vector = (uint8_t)i, .cs = 0xe030, .address = 0x1000 + i };
    list[count] = (struct trap_info){ 0 };
    return list;
}

static long set_traps(void)
{
    return machine_hypercall(hc_set_trap_table, GUEST_REQUESTS, 0, 0, 0);
}

/* However long the list is, no more than 256 handlers are read in one piece. */
static void handlers_in_pieces(void **state)
{
    const struct trap_info *traps = vcpu_current()->traps;

    (void)state;
    trap_list(TRAPS);
    machine_fault_routes = 0;
    assert_int_equal(set_traps(), 0);
    assert_int_equal(machine_restarts, TRAPS / 256);
    assert_true(machine_fault_routes > 0);
    for (unsigned vector = 0; vector < 256; vector++) {
        assert_int_equal(traps[vector].address,
                         0x1000 + vector +
                             (vector < TRAPS % 256 ? TRAPS / 256 * 256 : (TRAPS / 256 - 1) * 256));
        assert_int_equal(traps[vector].cs, 0xe033);
    }
    for (unsigned long k = 1; k < 20; k++) {
        hooks_reset();
        hooks.preempt_at = k;
        trap_list(19);
        assert_int_equal(set_traps(), 0);
        assert_int_equal(machine_restarts, 1);
        assert_int_equal(traps[18].address, 0x1012);
    }
    machine_fault_routes = 0;
    assert_int_equal(machine_hypercall(hc_set_trap_table, 0, 0, 0, 0), 0);
    assert_int_equal(traps[18].address, 0);
    assert_true(machine_fault_routes > 0);
}

static void handlers_that_are_refused(void **state)
{
    const struct trap_info *traps = vcpu_current()->traps;

    (void)state;
    trap_list(5)[3].address = 0x800000000000;
    assert_int_equal(set_traps(), -EINVAL);
    assert_int_equal(traps[2].address, 0x1002);
    assert_int_equal(traps[4].address, 0);
    assert_int_equal(machine_hypercall(hc_set_trap_table, 0x10, 0, 0, 0), -EFAULT);
}

static struct multicall_entry *call_list(unsigned count)
{
    struct multicall_entry *list = machine_requests();

    for (unsigned i = 0; i < count; i++)
        list[i] = (struct multicall_entry){ .op = __HYPERVISOR_mmu_update,
                                            .args = { 0, 0, 0, DOMID_SELF },
                                            .result = 99 };
    return list;
}

static long multicall(unsigned count)
{
    return machine_hypercall(hc_multicall, GUEST_REQUESTS, count, 0, 0);
}

static void results_of_calls(void **state)
{
    struct multicall_entry *list = call_list(4);

    (void)state;
    list[0].op = __HYPERVISOR_multicall;
    list[1].op = HYPERCALLS;
    list[2].op = 1ul << 40 | __HYPERVISOR_mmu_update;
    list[3].args[3] = 77; /* nobody's id */
    list[3].args[1] = 1;
    assert_int_equal(multicall(4), 0);
    assert_int_equal(list[0].result, -EINVAL);
    assert_int_equal(list[1].result, -ENOSYS);
    assert_int_equal(list[2].result, -ENOSYS);
    assert_int_equal(list[3].result, -ESRCH);
    assert_int_equal(
        machine_hypercall(hc_multicall, GUEST_VA + GUEST_BYTES - sizeof(*list), 2, 0, 0), -EFAULT);
    assert_int_equal(machine_hypercall(hc_multicall, GUEST_REQUESTS, ~0ul, 0, 0), -EFAULT);
}

/* What follows an iret belongs to a context that is gone. */
static void nothing_after_iret(void **state)
{
    struct multicall_entry *list = call_list(4);

    (void)state;
    list[1].op = __HYPERVISOR_iret;
    assert_int_equal(multicall(4), 0);
    assert_int_equal(machine_irets, 1);
    assert_true(vcpu_current()->mode_changed);
    assert_int_equal(list[0].result, 0);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(list[i].result, 99);
}

/* Between two calls, and within one. */
static void calls_in_pieces(void **state)
{
    (void)state;
    for (unsigned long k = 0; k <= 5; k++) {
        struct multicall_entry *list = call_list(5);

        hooks_reset();
        hooks.preempt_at = k ? k : ALWAYS;
        assert_int_equal(multicall(5), 0);
        assert_int_equal(machine_restarts, k ? k < 5 : 4);
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(list[i].result, 0);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(handlers_in_pieces), T(handlers_that_are_refused), T(results_of_calls),
        T(nothing_after_iret), T(calls_in_pieces),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
