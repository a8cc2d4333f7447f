/* SPDX-License-Identifier: MIT */
/*
 * The control interfaces: who may ask, the order of the checks, which domains there are and how they
 * are, and where their rings lie.
 */
#include <stdint.h>

#define __XEN_TOOLS__ /* before any other of the ABI's headers */
#include <xen/domctl.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/sysctl.h>

#include <string.h>

#include "events.h"

#include "dom/sched.h"
#include "sched.h"

#define ABSENT 0x10ul /* an address that cannot be reached */

static struct vcpu *self, *other;

static int stage(void **state)
{
    machine_setup(state);
    events_begin();
    machine_sched = (struct machine_sched){ .now = 0x50000 };
    self = &machine_vcpu[0];
    other = &machine_vcpu[1];
    for (unsigned i = 0; i < MACHINE_VCPUS; i++)
        machine_vcpu[i].runstate = (vcpu_runstate_info_t){ .state = RUNSTATE_runnable };
    hooks_reset();
    return 0;
}

static int unstage(void **state)
{
    machine_guest.store = false;
    machine_guest.store_port = 0;
    machine_guest.store_mfn = machine_guest.console_mfn = machine_control.store_mfn = MFN_NONE;
    events_end();
    return machine_teardown(state);
}

static void *memory(size_t at)
{
    return machine_guest_memory + at;
}

static uint64_t put(const void *op, size_t bytes)
{
    memcpy(machine_guest_memory, op, bytes);
    return GUEST_VA;
}

/* ---- domctl, sysctl --------------------------------------------------------------------------- */

static void domctl(void **state)
{
    struct xen_domctl op = { .interface_version = XEN_DOMCTL_INTERFACE_VERSION + 1 };

    (void)state;
    assert_int_equal(op_explained("domctl", "argument-unreadable", hc_domctl, ABSENT, 0), -EFAULT);
    assert_int_equal(
        op_explained("domctl", "interface-version", hc_domctl, put(&op, sizeof(op)), 0), -EACCES);
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    assert_int_equal(op_explained("domctl", "privileged", hc_domctl, put(&op, sizeof(op)), 0),
                     -EPERM);
    machine_run(2);
    assert_int_equal(
        op_explained("domctl", "control-op-left-out", hc_domctl, put(&op, sizeof(op)), 0), -ENOSYS);
}

#define LIST 0x4000u /* in the guest's memory */

/* How many domains were told of, from first on; or the error. */
static long domains(const char *rule, domid_t first, uint32_t max, uint64_t list_va)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_getdomaininfolist,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
    long rc;

    op.u.getdomaininfolist.first_domain = first;
    op.u.getdomaininfolist.max_domains = max;
    op.u.getdomaininfolist.num_domains = 99;
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, (void *)list_va);
    memset(memory(LIST), 0x5a, 4096);
    rc = op_explained("sysctl", rule, hc_sysctl, put(&op, sizeof(op)), 0);
    memcpy(&op, memory(0), sizeof(op));
    return rc ? rc : (long)op.u.getdomaininfolist.num_domains;
}

static xen_domctl_getdomaininfo_t told(unsigned n)
{
    xen_domctl_getdomaininfo_t info;

    memcpy(&info, memory(LIST + n * sizeof(info)), sizeof(info));
    return info;
}

static void which_domains(void **state)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_getdomaininfolist,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION + 1 };

    (void)state;
    assert_int_equal(op_explained("sysctl", "argument-unreadable", hc_sysctl, ABSENT, 0), -EFAULT);
    assert_int_equal(
        op_explained("sysctl", "interface-version", hc_sysctl, put(&op, sizeof(op)), 0), -EACCES);
    assert_int_equal(domains("privileged", 0, 9, GUEST_VA + LIST), -EPERM);
    machine_guest.store = true;
    assert_int_equal(domains(0, 0, 9, GUEST_VA + LIST), 2);
    machine_guest.store = false;
    machine_run(2);
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    op.cmd = XEN_SYSCTL_readconsole;
    assert_int_equal(
        op_explained("sysctl", "control-op-left-out", hc_sysctl, put(&op, sizeof(op)), 0), -ENOSYS);
    assert_int_equal(domains(0, 0, 9, GUEST_VA + LIST), 2);
    assert_int_equal(told(0).domain, machine_control.id);
    assert_int_equal(told(1).domain, machine_guest.id);
    assert_int_equal(told(2).domain, 0x5a5a);
    assert_int_equal(domains(0, 1, 9, GUEST_VA + LIST), 1);
    assert_int_equal(told(0).domain, machine_guest.id);
    assert_int_equal(domains(0, 0, 1, GUEST_VA + LIST), 1);
    assert_int_equal(domains(0, 0, 0, GUEST_VA + LIST), 0);
    assert_int_equal(domains("buffer-unwritable", 0, 9, ABSENT), -EFAULT);
    hooks.read_only = true;
    assert_int_equal(domains("argument-unwritable", 9, 9, GUEST_VA + LIST), -EFAULT);
    hooks.read_only = false;
    machine_sched.incomplete = &machine_guest;
    assert_int_equal(domains(0, 0, 9, GUEST_VA + LIST), 1);
}

static uint32_t flags_of_guest(void)
{
    machine_run(2);
    assert_int_equal(domains(0, machine_guest.id, 1, GUEST_VA + LIST), 1);
    return told(0).flags;
}

static void how_a_domain_is(void **state)
{
    xen_domctl_getdomaininfo_t info;

    (void)state;
    self->runstate = (vcpu_runstate_info_t){ RUNSTATE_running, 0x4fff0, { 100, 1, 2, 3 } };
    other->runstate = (vcpu_runstate_info_t){ RUNSTATE_blocked, 0x4ff00, { 1000, 1, 2, 3 } };
    machine_vcpu[3].runstate = (vcpu_runstate_info_t){ RUNSTATE_running, 0x50010, { 10000 } };
    other->state = VCPU_BLOCKED;
    memset(machine_guest.handle, 0x3c, 16);
    (void)machine_page(&machine_guest);
    machine_guest.shared_mfn = mfn_of(0x44);
    assert_int_equal(flags_of_guest(), XEN_DOMINF_running);
    info = told(0);
    assert_int_equal(info.cpu_time, 100 + 16 + 1000 + 10000); /* a clock that is behind adds none */
    assert_int_equal(info.nr_online_vcpus, 3);
    assert_int_equal(info.max_vcpu_id, 2);
    assert_int_equal(info.tot_pages, machine_guest.owner.pages);
    assert_int_equal(info.max_pages, machine_guest.owner.max_pages);
    assert_int_equal(info.shared_info_frame, 0x44);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(info.handle[i], 0x3c);
    self->runstate.state = machine_vcpu[3].runstate.state = RUNSTATE_runnable;
    assert_int_equal(flags_of_guest(), 0);
    self->state = machine_vcpu[3].state = VCPU_BLOCKED;
    assert_int_equal(flags_of_guest(), XEN_DOMINF_blocked);
    other->state = VCPU_DOWN;
    assert_int_equal(flags_of_guest(), XEN_DOMINF_blocked);
    assert_int_equal(told(0).nr_online_vcpus, 2);
    self->state = machine_vcpu[3].state = VCPU_DOWN;
    assert_int_equal(flags_of_guest(), 0);
    machine_guest.store = machine_guest.owner.dying = true;
    assert_int_equal(flags_of_guest(), XEN_DOMINF_xs_domain | XEN_DOMINF_dying);
    machine_guest.store = machine_guest.owner.dying = false;
    machine_guest.shut_down = true;
    machine_guest.shutdown_reason = SHUTDOWN_crash;
    assert_int_equal(flags_of_guest(),
                     XEN_DOMINF_shutdown | SHUTDOWN_crash << XEN_DOMINF_shutdownshift);
    machine_guest.shut_down = false;
    machine_guest.shutdown_reason = 0;
}

/* ---- hvm_op ------------------------------------------------------------------------------------- */

static long param(const char *rule, domid_t domid, uint32_t index, uint64_t *value)
{
    struct xen_hvm_param p = { .domid = domid, .index = index, .value = 77 };
    long rc =
        op_explained("hvm_op get_param", rule, hc_hvm_op, HVMOP_get_param, put(&p, sizeof(p)));

    memcpy(&p, memory(0), sizeof(p));
    *value = p.value;
    return rc;
}

static void rings_of_domains(void **state)
{
    static const struct {
        uint32_t index;
        uint64_t value;
    } params[] = { { HVM_PARAM_STORE_PFN, 0x11 },
                   { HVM_PARAM_STORE_EVTCHN, 3 },
                   { HVM_PARAM_CONSOLE_PFN, 0x22 },
                   { HVM_PARAM_CONSOLE_EVTCHN, 4 } };
    const char *not_hvm = "domain-is-not-hvm";
    uint64_t value;

    (void)state;
    assert_int_equal(
        op_explained("hvm_op", "hvm-op-left-out", hc_hvm_op, HVMOP_set_param, GUEST_VA), -ENOSYS);
    assert_int_equal(
        op_explained("hvm_op get_param", "argument-unreadable", hc_hvm_op, HVMOP_get_param, ABSENT),
        -EFAULT);
    assert_int_equal(param("parameter-unknown", 77, HVM_NR_PARAMS, &value), -EINVAL);
    assert_int_equal(param("domain-unknown", 77, HVM_NR_PARAMS - 1, &value), -ESRCH);
    machine_guest.store_mfn = mfn_of(0x11);
    machine_guest.store_port = 3;
    machine_guest.console_mfn = mfn_of(0x22);
    machine_guest.console_port = 4;
    /* One's own, one without rings, and those of others but for who looks after them. */
    assert_int_equal(param(not_hvm, DOMID_SELF, HVM_PARAM_STORE_PFN, &value), -EINVAL);
    machine_guest.store = true;
    assert_int_equal(param(not_hvm, DOMID_SELF, HVM_PARAM_STORE_PFN, &value), -EINVAL);
    assert_int_equal(param(not_hvm, machine_control.id, HVM_PARAM_STORE_PFN, &value), -EINVAL);
    machine_control.store_port = 5;
    machine_control.store_mfn = mfn_of(0x33);
    assert_int_equal(param(0, machine_control.id, HVM_PARAM_STORE_PFN, &value), 0);
    assert_int_equal(value, 0x33);
    machine_guest.store = false;
    assert_int_equal(param(not_hvm, machine_control.id, HVM_PARAM_STORE_PFN, &value), -EINVAL);
    machine_control.store_port = 0;
    machine_run(2);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(param(0, machine_guest.id, params[i].index, &value), 0);
        assert_int_equal(value, params[i].value);
    }
    hooks.read_only = true;
    assert_int_equal(param("argument-unwritable", machine_guest.id, HVM_PARAM_STORE_PFN, &value),
                     -EFAULT);
    hooks.read_only = false;
    assert_int_equal(param(not_hvm, machine_guest.id, HVM_PARAM_IOREQ_PFN, &value), -EINVAL);
    assert_int_equal(value, 77);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, unstage)
    const struct CMUnitTest tests[] = {
        T(domctl),
        T(which_domains),
        T(how_a_domain_is),
        T(rings_of_domains),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
