/* SPDX-License-Identifier: MIT */
/*
 * Event channels on the host: whoever is named names back, after whatever the domains do (hazards
 * E1, E2, E5); ports at the edges of the table (E3, E4). Who is woken is test_event_wakes's.
 */
#include "ports.h"

#include <stdlib.h>
#include <string.h>

#define GUEST   0u /* machine_run(): vCPU 0 of the guest */
#define CONTROL 2u

static evtchn_port_t unbound_for(unsigned who, domid_t remote)
{
    union arg u = { .alloc_unbound = { .dom = DOMID_SELF, .remote_dom = remote } };

    machine_run(who);
    assert_int_equal(op_event(EVTCHNOP_alloc_unbound, &u), 0);
    return u.alloc_unbound.port;
}

static evtchn_port_t bound_to(unsigned who, domid_t remote, evtchn_port_t port)
{
    union arg u = { .bind_interdomain = { .remote_dom = remote, .remote_port = port } };

    machine_run(who);
    assert_int_equal(op_event(EVTCHNOP_bind_interdomain, &u), 0);
    return u.bind_interdomain.local_port;
}

static evtchn_status_t status_of(unsigned who, domid_t dom, evtchn_port_t port)
{
    union arg u = { .status = { .dom = dom, .port = port } };

    machine_run(who);
    assert_int_equal(op_event(EVTCHNOP_status, &u), 0);
    return u.status;
}

/* ---- two domains ---- */

static void either_end_closes(void **state)
{
    (void)state;
    for (unsigned closer = 0; closer < 2; closer++) {
        evtchn_port_t a = unbound_for(GUEST, 0), b = bound_to(CONTROL, 1, a);
        evtchn_status_t left;

        assert_true(evtchn_pending(&machine_control, b)); /* the binder's end starts pending */
        machine_run(GUEST);
        assert_int_equal(ask(EVTCHNOP_send, (union arg){ .send = { a } }), 0);
        machine_run(closer ? GUEST : CONTROL);
        assert_int_equal(ask(EVTCHNOP_close, (union arg){ .close = { closer ? a : b } }), 0);
        left = closer ? status_of(CONTROL, DOMID_SELF, b) : status_of(GUEST, DOMID_SELF, a);
        assert_int_equal(left.status, EVTCHNSTAT_unbound);
        assert_int_equal(left.u.unbound.dom, closer ? 1 : 0);
        machine_run(closer ? CONTROL : GUEST);
        assert_int_equal(ask(EVTCHNOP_send, (union arg){ .send = { closer ? b : a } }), 0);
        /* Only whom it is for may take it up again. */
        machine_run(closer ? CONTROL : GUEST);
        assert_int_equal(ask(EVTCHNOP_bind_interdomain,
                             (union arg){ .bind_interdomain = { DOMID_SELF, closer ? b : a, 0 } }),
                         -EINVAL);
        assert_int_equal(ask(EVTCHNOP_close, (union arg){ .close = { closer ? b : a } }), 0);
    }
}

static void a_dead_domain_leaves_unbound_ends(void **state)
{
    evtchn_port_t port[40];

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        port[i] = unbound_for(GUEST, 0);
        (void)bound_to(CONTROL, 1, port[i]);
    }
    machine_control.next = 0; /* it is out of the list when it is taken apart */
    evtchn_destroy(&machine_guest);
    assert_int_equal(events_audit(), 0);
    for (unsigned i = 1; i <= 40; i++)
        assert_int_equal(status_of(CONTROL, DOMID_SELF, i).status, EVTCHNSTAT_unbound);
    machine_run(CONTROL);
    assert_int_equal(ask(EVTCHNOP_send, (union arg){ .send = { 1 } }), 0);
}

static void others_are_for_the_privileged(void **state)
{
    evtchn_port_t mine = unbound_for(CONTROL, 0);
    union arg status = { .status = { .dom = 0, .port = mine } };
    union arg alloc = { .alloc_unbound = { .dom = 0, .remote_dom = 1 } };
    union arg reset = { .reset = { .dom = 0 } };

    (void)state;
    machine_run(GUEST);
    assert_int_equal(ask(EVTCHNOP_status, status), -EPERM);
    assert_int_equal(ask(EVTCHNOP_alloc_unbound, alloc), -EPERM);
    assert_int_equal(ask(EVTCHNOP_reset, reset), -EPERM);
    machine_run(CONTROL);
    status.status = (evtchn_status_t){ .dom = 1, .port = 1 };
    assert_int_equal(ask(EVTCHNOP_status, status), 0);
    alloc.alloc_unbound = (evtchn_alloc_unbound_t){ .dom = 1, .remote_dom = DOMID_SELF };
    assert_int_equal(ask(EVTCHNOP_alloc_unbound, alloc), 0);
    assert_int_equal(status_of(CONTROL, 1, 1).u.unbound.dom, 0);
    reset.reset.dom = 1; /* it runs: no reset */
    assert_int_equal(ask(EVTCHNOP_reset, reset), -EINVAL);
    assert_int_equal(status_of(CONTROL, 1, 1).status, EVTCHNSTAT_unbound);
    reset.reset.dom = 7;
    assert_int_equal(ask(EVTCHNOP_reset, reset), -ESRCH);
}

/* ---- the edges of the table ---- */

static void a_full_table(void **state)
{
    union arg virq = { .bind_virq = { .virq = VIRQ_DEBUG } };
    union arg ipi = { .bind_ipi = { .vcpu = 1 } };
    evtchn_port_t theirs = unbound_for(CONTROL, 1);
    union arg bind = { .bind_interdomain = { .remote_dom = 0, .remote_port = theirs } };

    (void)state;
    for (evtchn_port_t port = 1; port < EVTCHN_PORTS; port++)
        assert_int_equal(unbound_for(GUEST, port % 2), port);
    machine_run(GUEST);
    assert_int_equal(
        ask(EVTCHNOP_alloc_unbound, (union arg){ .alloc_unbound = { .dom = DOMID_SELF } }),
        -ENOSPC);
    assert_int_equal(ask(EVTCHNOP_bind_virq, virq), -ENOSPC);
    assert_int_equal(machine_vcpu[0].virq_port[VIRQ_DEBUG], 0);
    assert_int_equal(ask(EVTCHNOP_bind_ipi, ipi), -ENOSPC);
    assert_int_equal(ask(EVTCHNOP_bind_interdomain, bind), -ENOSPC);
    assert_int_equal(status_of(CONTROL, DOMID_SELF, theirs).status, EVTCHNSTAT_unbound);
    machine_run(GUEST);
    for (unsigned i = 0; i < 2; i++) { /* the last one sends, and is found */
        assert_int_equal(ask(EVTCHNOP_close, (union arg){ .close = { EVTCHN_PORTS - 1 - i } }), 0);
        assert_int_equal(ask(EVTCHNOP_bind_ipi, ipi), 0);
        assert_int_equal(ask(EVTCHNOP_send, (union arg){ .send = { EVTCHN_PORTS - 1 - i } }), 0);
        assert_true(evtchn_pending(&machine_guest, EVTCHN_PORTS - 1 - i));
    }
    assert_int_equal(machine_guest.shared->vcpu_info[1].evtchn_pending_sel, 1ul << 63);
    assert_int_equal(ask(EVTCHNOP_reset, (union arg){ .reset = { DOMID_SELF } }), 0);
    assert_int_equal(unbound_for(GUEST, 0), 1);
}

static void numbers_that_are_no_ports(void **state)
{
    static const evtchn_port_t bad[] = { 0, 63, 64, EVTCHN_PORTS - 1, EVTCHN_PORTS, ~0u };

    (void)state;
    machine_run(GUEST);
    memset(machine_guest.shared->evtchn_mask, 0xff, sizeof(machine_guest.shared->evtchn_mask));
    memset(machine_guest.shared->evtchn_pending, 0xff, EVTCHN_PORTS / 8);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        shared_info_t before = *machine_guest.shared;

        assert_int_equal(ask(EVTCHNOP_close, (union arg){ .close = { bad[i] } }), -EINVAL);
        assert_int_equal(ask(EVTCHNOP_send, (union arg){ .send = { bad[i] } }), -EINVAL);
        assert_int_equal(ask(EVTCHNOP_bind_vcpu, (union arg){ .bind_vcpu = { bad[i], 1 } }),
                         -EINVAL);
        assert_int_equal(
            ask(EVTCHNOP_bind_interdomain, (union arg){ .bind_interdomain = { 0, bad[i], 0 } }),
            -EINVAL);
        assert_int_equal(ask(EVTCHNOP_unmask, (union arg){ .unmask = { bad[i] } }),
                         bad[i] < EVTCHN_BUCKET ? 0 : -EINVAL);
        assert_memory_equal(&before, machine_guest.shared, sizeof(before));
    }
}

static void numbers_that_are_no_vcpus(void **state)
{
    static const uint32_t bad[] = { 3, 31, 32, 0x100, 0x80000000, ~0u };
    evtchn_port_t port = unbound_for(GUEST, 0);

    (void)state;
    machine_run(GUEST);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(ask(EVTCHNOP_bind_ipi, (union arg){ .bind_ipi = { bad[i], 0 } }), -ENOENT);
        assert_int_equal(ask(EVTCHNOP_bind_vcpu, (union arg){ .bind_vcpu = { port, bad[i] } }),
                         -ENOENT);
        assert_int_equal(
            ask(EVTCHNOP_bind_virq, (union arg){ .bind_virq = { VIRQ_TIMER, bad[i], 0 } }),
            -ENOENT);
        assert_int_equal(
            ask(EVTCHNOP_bind_virq, (union arg){ .bind_virq = { VIRQ_CONSOLE, bad[i], 0 } }),
            -EINVAL);
    }
}

/* ---- VIRQs ---- */

static void a_virq_has_one_port(void **state)
{
    union arg own = { .bind_virq = { VIRQ_TIMER, 1, 0 } };
    union arg global = { .bind_virq = { VIRQ_CONSOLE, 0, 0 } };

    (void)state;
    machine_run(GUEST);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(op_event(EVTCHNOP_bind_virq, &own), 0);
        assert_int_equal(op_event(EVTCHNOP_bind_virq, &global), 0);
        assert_int_equal(ask(EVTCHNOP_bind_virq, own), -EEXIST);
        assert_int_equal(ask(EVTCHNOP_bind_virq, global), -EEXIST);
        assert_int_equal(
            ask(EVTCHNOP_bind_vcpu, (union arg){ .bind_vcpu = { own.bind_virq.port, 0 } }),
            -EINVAL);
        assert_int_equal(
            ask(EVTCHNOP_bind_vcpu, (union arg){ .bind_vcpu = { global.bind_virq.port, 2 } }), 0);
        evtchn_raise_virq(&machine_vcpu[1], VIRQ_TIMER);
        assert_true(machine_vcpu[1].info->evtchn_upcall_pending);
        evtchn_raise_virq(&machine_vcpu[0], VIRQ_CONSOLE);
        assert_true(machine_vcpu[3].info->evtchn_upcall_pending); /* the guest's vCPU 2 */
        assert_false(machine_vcpu[0].info->evtchn_upcall_pending);
        assert_int_equal(ask(EVTCHNOP_close, (union arg){ .close = { own.bind_virq.port } }), 0);
        assert_int_equal(ask(EVTCHNOP_close, (union arg){ .close = { global.bind_virq.port } }), 0);
        evtchn_raise_virq(&machine_vcpu[0], VIRQ_CONSOLE); /* nobody's */
        assert_false(evtchn_pending(&machine_guest, global.bind_virq.port));
        memset(machine_guest.shared->vcpu_info, 0, sizeof(machine_guest.shared->vcpu_info));
    }
}

/* ---- anything at all ---- */

static union arg anything(unsigned cmd)
{
    static const domid_t doms[] = { DOMID_SELF, 0, 1, 0, 1, DOMID_SELF, 2, DOMID_IO };
    domid_t dom = doms[rand() % 8], other = doms[rand() % 8];
    evtchn_port_t port = (evtchn_port_t)(rand() % 70);
    uint32_t vcpu = (uint32_t)(rand() % 4);

    switch (cmd) {
    case EVTCHNOP_alloc_unbound:
        return (union arg){ .alloc_unbound = { dom, other, 0 } };
    case EVTCHNOP_bind_interdomain:
        return (union arg){ .bind_interdomain = { dom, port, 0 } };
    case EVTCHNOP_bind_virq:
        return (union arg){ .bind_virq = { (uint32_t)(rand() % 26), vcpu % 2 ? vcpu : 0, 0 } };
    case EVTCHNOP_bind_vcpu:
        return (union arg){ .bind_vcpu = { port, vcpu } };
    case EVTCHNOP_status:
        return (union arg){ .status = { .dom = dom, .port = port } };
    case EVTCHNOP_reset:
        return (union arg){ .reset = { rand() % 8 ? 5 : dom } };
    case EVTCHNOP_bind_ipi:
        return (union arg){ .bind_ipi = { vcpu, 0 } };
    default:
        return (union arg){ .send = { port } };
    }
}

static void whatever_they_do(void **state)
{
    static const unsigned cmds[] = { EVTCHNOP_alloc_unbound,
                                     EVTCHNOP_bind_interdomain,
                                     EVTCHNOP_bind_interdomain,
                                     EVTCHNOP_bind_virq,
                                     EVTCHNOP_bind_ipi,
                                     EVTCHNOP_close,
                                     EVTCHNOP_send,
                                     EVTCHNOP_status,
                                     EVTCHNOP_bind_vcpu,
                                     EVTCHNOP_unmask,
                                     EVTCHNOP_reset };
    unsigned done[16] = { 0 };

    (void)state;
    srand(4);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned cmd = cmds[(unsigned)rand() % (sizeof(cmds) / sizeof(cmds[0]))];
        union arg u = anything(cmd);

        machine_run(rand() % 2 ? GUEST : CONTROL);
        done[cmd] += !op_event(cmd, &u);
        if (rand() % 64 == 0)
            evtchn_raise_virq(&machine_vcpu[rand() % 3], (unsigned)rand() % 24);
        machine_note("step %u", step);
        assert_int_equal(events_audit(), 0);
    }
    for (unsigned i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++)
        assert_true(done[cmds[i]] > 10);
}

/* The auditor sees each thing that can be wrong. */
static void damage_is_seen(void **state)
{
    evtchn_port_t a = unbound_for(GUEST, 0), b = bound_to(CONTROL, 1, a);
    union arg virq = { .bind_virq = { VIRQ_DEBUG, 1, 0 } };
    struct evtchn *e = machine_guest.evtchn.port, *peer = machine_control.evtchn.port;
    const struct {
        void *at;
        unsigned bytes;
        uint32_t value;
    } damages[] = {
        { &e[a].remote_port, 4, b + 1 },
        { &e[a].remote_dom, 2, 1 },
        { &peer[b].remote_port, 4, a + 1 },
        { &peer[b].state, 1, EVTCHN_UNBOUND },
        { &e[0].state, 1, EVTCHN_IPI },
        { &e[200].state, 1, EVTCHN_UNBOUND },
        { &e[a].vcpu, 1, 3 },
        { &machine_vcpu[1].virq_port[VIRQ_DEBUG], 2, 0 },
        { &machine_vcpu[1].virq_port[VIRQ_TIMER], 2, 1 },
    };

    (void)state;
    machine_run(GUEST);
    assert_int_equal(op_event(EVTCHNOP_bind_virq, &virq), 0);
    for (unsigned i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        uint32_t before = 0;

        memcpy(&before, damages[i].at, damages[i].bytes);
        memcpy(damages[i].at, &damages[i].value, damages[i].bytes);
        machine_note("damage %u", i);
        assert_true(events_audit() > 0);
        memcpy(damages[i].at, &before, damages[i].bytes);
        assert_int_equal(events_audit(), 0);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, stage, unstage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(either_end_closes),
        TEST(a_dead_domain_leaves_unbound_ends),
        TEST(others_are_for_the_privileged),
        TEST(a_full_table),
        TEST(numbers_that_are_no_ports),
        TEST(numbers_that_are_no_vcpus),
        TEST(a_virq_has_one_port),
        TEST(whatever_they_do),
        TEST(damage_is_seen),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
