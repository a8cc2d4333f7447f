/* SPDX-License-Identifier: MIT */
/*
 * Where a guest kernel is entered (hazard X2): each setter sets what it names and nothing else, and
 * none takes an address that the CPU would fault on.
 */
#include "machine.h"

#include <string.h>
#include <xen/callback.h>
#include <xen/nmi.h>

#define HANDLER 0x10001000ul
#define BAD     0x800000000000ul
#define NMI     2u

static struct vcpu *v;

static int stage(void **state)
{
    machine_setup(state);
    v = vcpu_current();
    hooks_reset();
    return 0;
}

static void old_ones(void **state)
{
    (void)state;
    assert_int_equal(hc_set_callbacks(HANDLER, HANDLER + 1, HANDLER + 2, 0, 0), 0);
    assert_int_equal(v->event.va, HANDLER);
    assert_true(v->event.mask_events);
    assert_int_equal(v->failsafe.va, HANDLER + 1);
    assert_false(v->failsafe.mask_events);
    assert_int_equal(v->syscall.va, HANDLER + 2);
    assert_false(v->syscall.mask_events);
    /* One that is refused does not keep the others from being set. */
    log_clear();
    assert_int_equal(hc_set_callbacks(BAD, HANDLER + 4, BAD, 0, 0), 0);
    assert_int_equal(v->event.va, HANDLER);
    assert_int_equal(v->failsafe.va, HANDLER + 4);
    assert_int_equal(v->syscall.va, HANDLER + 2);
    assert_string_equal(log_text(), "");
}

static long callback(unsigned cmd, unsigned type, unsigned flags, uint64_t va)
{
    struct callback_register *r = machine_requests();

    *r = (struct callback_register){ .type = (uint16_t)type,
                                     .flags = (uint16_t)flags,
                                     .address = va };
    return hc_callback_op(cmd, GUEST_REQUESTS, 0, 0, 0);
}

static void one_by_one(void **state)
{
    const struct {
        unsigned type;
        const struct vcpu_callback *slot;
    } types[] = { { CALLBACKTYPE_event, &v->event },
                  { CALLBACKTYPE_failsafe, &v->failsafe },
                  { CALLBACKTYPE_syscall, &v->syscall },
                  { CALLBACKTYPE_syscall32, &v->syscall32 },
                  { CALLBACKTYPE_sysenter, &v->sysenter } };

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned mask = 0; mask < 2; mask++) {
            uint64_t va = HANDLER + i * 16 + mask;

            assert_int_equal(
                callback(CALLBACKOP_register, types[i].type, mask ? CALLBACKF_mask_events : 0, va),
                0);
            assert_int_equal(types[i].slot->va, va);
            assert_int_equal(types[i].slot->mask_events, mask || !i);
            assert_int_equal(callback(CALLBACKOP_register, types[i].type, 0, BAD), -EINVAL);
            assert_int_equal(types[i].slot->va, va);
        }
        assert_int_equal(callback(CALLBACKOP_unregister, types[i].type, 0, 0), -EINVAL);
        assert_int_not_equal(types[i].slot->va, 0);
    }
    assert_int_equal(callback(CALLBACKOP_register, 99, 0, HANDLER), -ENOSYS);
    assert_int_equal(callback(CALLBACKOP_unregister, 99, 0, 0), -ENOSYS);
    assert_int_equal(callback(2, CALLBACKTYPE_event, 0, HANDLER), -ENOSYS);
    for (unsigned cmd = 0; cmd < 2; cmd++)
        assert_int_equal(hc_callback_op(cmd, 0x10, 0, 0, 0), -EFAULT);
}

/* The NMI's is an entry of the trap table, in either way; what waits for it is looked at. */
static void of_the_nmi(void **state)
{
    struct xennmi_callback *c = machine_requests();
    const struct trap_info *t = &v->traps[NMI];

    (void)state;
    for (unsigned waits = 0; waits < 2; waits++) {
        v->nmi_pending = waits;
        v->exit_test = 0;
        assert_int_equal(callback(CALLBACKOP_register, CALLBACKTYPE_nmi, 0, HANDLER), 0);
        assert_int_equal(t->address, HANDLER);
        assert_int_equal(t->cs, FLAT_KERNEL_CS64);
        assert_int_equal(t->vector, NMI);
        assert_int_equal(v->exit_test == vcpu_exit_always, waits);
        assert_int_equal(callback(CALLBACKOP_unregister, CALLBACKTYPE_nmi, 0, 0), 0);
        assert_int_equal(t->address, 0);

        v->exit_test = 0;
        *c = (struct xennmi_callback){ .handler_address = HANDLER + 8 };
        assert_int_equal(hc_nmi_op(XENNMI_register_callback, GUEST_REQUESTS, 0, 0, 0), 0);
        assert_int_equal(t->address, HANDLER + 8);
        assert_int_equal(v->exit_test == vcpu_exit_always, waits);
        assert_int_equal(hc_nmi_op(XENNMI_unregister_callback, 0, 0, 0, 0), 0);
        assert_int_equal(t->address, 0);

        v->exit_test = 0;
        *(struct trap_info *)machine_requests() =
            (struct trap_info){ .vector = NMI, .address = HANDLER };
        memset((struct trap_info *)machine_requests() + 1, 0, sizeof(struct trap_info));
        assert_int_equal(hc_set_trap_table(GUEST_REQUESTS, 0, 0, 0, 0), 0);
        assert_int_equal(v->exit_test == vcpu_exit_always, waits);
    }
    c->handler_address = BAD;
    assert_int_equal(hc_nmi_op(XENNMI_register_callback, GUEST_REQUESTS, 0, 0, 0), -EINVAL);
    assert_int_equal(hc_nmi_op(XENNMI_register_callback, 0x10, 0, 0, 0), -EFAULT);
    assert_int_equal(hc_nmi_op(2, GUEST_REQUESTS, 0, 0, 0), -ENOSYS);
    assert_int_equal(t->address, HANDLER);
}

static void stacks(void **state)
{
    (void)state;
    assert_int_equal(hc_stack_switch(0x10018, BAD, 0, 0, 0), 0);
    assert_int_equal(v->kernel_ss, 0x1b);
    assert_int_equal(v->kernel_sp, BAD);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, machine_teardown)
    const struct CMUnitTest tests[] = { T(old_ones), T(one_by_one), T(of_the_nmi), T(stacks) };

    return cmocka_run_group_tests(tests, 0, 0);
}
