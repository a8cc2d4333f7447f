/* SPDX-License-Identifier: MIT */
/* Whom an event wakes, and how often (hazard E7): in shared_info as in the scheduler, once for each. */
#include "ports.h"

#include <string.h>

/* Every combination of what may be set already: one wake when the upcall is raised, or none. */
static void woken_once(void **state)
{
    union arg ipi = { .bind_ipi = { .vcpu = 1 } };
    shared_info_t *s = machine_guest.shared;
    struct vcpu *v = &machine_vcpu[1];

    (void)state;
    machine_run(0);
    assert_int_equal(op_event(EVTCHNOP_bind_ipi, &ipi), 0);
    for (unsigned set = 0; set < 64; set++) {
        bool pending = set & 1, masked = set & 2, selected = set & 4, raised = set & 8,
             off = set & 16, down = set & 32;
        bool told = !pending && !masked && !selected && !raised;
        uint64_t bit = 1ul << ipi.bind_ipi.port;

        memset(s, 0, sizeof(*s));
        memset(machine_wakes, 0, sizeof(machine_wakes));
        s->evtchn_pending[0] = pending ? bit : 0;
        s->evtchn_mask[0] = masked ? bit : 0;
        v->info->evtchn_pending_sel = selected;
        v->info->evtchn_upcall_pending = raised;
        v->info->evtchn_upcall_mask = off;
        v->state = down ? VCPU_DOWN : VCPU_BLOCKED;
        v->polling = false;
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(ask(EVTCHNOP_send, (union arg){ .send = { ipi.bind_ipi.port } }), 0);
        assert_int_equal(machine_wakes[1], told && !down);
        assert_true(s->evtchn_pending[0] & bit);
        assert_int_equal(v->info->evtchn_upcall_pending, raised || told);
        if (masked && !pending) { /* what was held back comes now, once */
            assert_int_equal(ask(EVTCHNOP_unmask, (union arg){ .unmask = { ipi.bind_ipi.port } }),
                             0);
            assert_int_equal(machine_wakes[1], !selected && !raised && !down);
            assert_int_equal(ask(EVTCHNOP_unmask, (union arg){ .unmask = { ipi.bind_ipi.port } }),
                             0);
            assert_int_equal(machine_wakes[1], !selected && !raised && !down);
        }
    }
    v->state = VCPU_RUNNABLE;
}

static void pollers_are_woken(void **state)
{
    union arg a = { .bind_ipi = { .vcpu = 2 } }, b = a;
    static const struct {
        bool polling[3], any[3], woken[3];
    } cases[] = {
        { { 1, 0, 0 }, { 0, 0, 0 }, { 1, 0, 0 } },
        { { 1, 1, 0 }, { 0, 1, 0 }, { 1, 1, 0 } },
        { { 0, 1, 0 }, { 0, 0, 0 }, { 0, 1, 0 } },
    };

    (void)state;
    machine_run(0);
    assert_int_equal(op_event(EVTCHNOP_bind_ipi, &a), 0);
    assert_int_equal(op_event(EVTCHNOP_bind_ipi, &b), 0);
    for (unsigned c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        static const unsigned vcpu[] = { 0, 1, 3 }; /* the guest's 0, 1, 2 */

        memset(machine_guest.shared, 0, sizeof(*machine_guest.shared));
        memset(machine_wakes, 0, sizeof(machine_wakes));
        machine_guest.shared->evtchn_mask[0] = ~0ul; /* a poll does not care */
        for (unsigned i = 0; i < 3; i++) {
            struct vcpu *v = &machine_vcpu[vcpu[i]];

            v->state = VCPU_BLOCKED;
            v->polling = cases[c].polling[i];
            v->poll_port = cases[c].any[i] ? EVTCHN_ANY : a.bind_ipi.port;
        }
        assert_int_equal(ask(EVTCHNOP_send, (union arg){ .send = { b.bind_ipi.port } }), 0);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(machine_wakes[vcpu[i]], cases[c].any[i]);
        for (unsigned round = 0; round < 2; round++)
            assert_int_equal(ask(EVTCHNOP_send, (union arg){ .send = { a.bind_ipi.port } }), 0);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(machine_wakes[vcpu[i]], cases[c].woken[i]);
    }
    for (unsigned i = 0; i < MACHINE_VCPUS; i++)
        machine_vcpu[i].state = VCPU_RUNNABLE;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, stage, unstage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(woken_once),
        TEST(pollers_are_woken),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
