/* SPDX-License-Identifier: MIT */
/*
 * The small hypercalls: versions, assists, the timer, devices, the platform. For each: the
 * answer, the order of its checks, what cannot be read or written, and the line of its refusal.
 */
#include "events.h"

#include <stdio.h>
#include <string.h>

#include <xen/platform.h>

#include "dom/sched.h"
#include "pv/abi_version.h"
#include "sched.h"

#define ABSENT 0x10ul                       /* an address that cannot be reached */
#define EDGE   (GUEST_VA + GUEST_BYTES - 4) /* of what can be */

static struct vcpu *self;

static int stage(void **state)
{
    machine_setup(state);
    events_begin();
    machine_sched = (struct machine_sched){ .now = 0x50000 };
    self = &machine_vcpu[0];
    for (unsigned i = 0; i < MACHINE_VCPUS; i++) {
        machine_vcpu[i].runstate = (vcpu_runstate_info_t){ .state = RUNSTATE_runnable };
        machine_vcpu[i].time = (struct vcpu_time){ 0 };
    }
    machine_guest.vm_assist = 0;
    hooks_reset();
    log_clear();
    return 0;
}

static int unstage(void **state)
{
    machine_guest.vm_assist = 0;
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

static uint64_t put_word(uint32_t word)
{
    return put(&word, sizeof(word));
}

/* ---- xen_version ---------------------------------------------------------------------- */

/* The bytes written are these and zeroes; the next byte is as it was. */
static void text_is(unsigned cmd, const char *text, size_t bytes)
{
    char want[1024] = "";

    memset(machine_guest_memory, 0x5a, 2048);
    assert_int_equal(op_explained("xen_version", 0, hc_xen_version, cmd, GUEST_VA), 0);
    snprintf(want, sizeof(want), "%s", text);
    assert_memory_equal(memory(0), want, bytes);
    assert_int_equal(machine_guest_memory[bytes], 0x5a);
    assert_int_equal(op_explained("xen_version", "buffer-unwritable", hc_xen_version, cmd, EDGE),
                     -EFAULT);
}

static uint32_t features(void)
{
    xen_feature_info_t info = { .submap_idx = 0, .submap = 77 };

    assert_int_equal(op_explained("xen_version", 0, hc_xen_version, XENVER_get_features,
                                  put(&info, sizeof(info))),
                     0);
    memcpy(&info, memory(0), sizeof(info));
    return info.submap;
}

static void versions(void **state)
{
    const char *name = "xen_version";
    const uint32_t common = 1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |
                            1u << XENFEAT_gnttab_map_avail_bits |
                            1u << XENFEAT_memory_op_vnode_supported | 1u << XENFEAT_direct_mapped;
    xen_platform_parameters_t params;

    (void)state;
    assert_int_equal(op_explained(name, 0, hc_xen_version, XENVER_version, 0), ABI_VERSION);
    assert_int_equal(op_explained(name, 0, hc_xen_version, 1ul << 32 | XENVER_version, 0),
                     ABI_VERSION);
    text_is(XENVER_extraversion, "-pinion", XEN_EXTRAVERSION_LEN);
    text_is(XENVER_capabilities, "xen-3.0-x86_64 ", XEN_CAPABILITIES_INFO_LEN);
    text_is(XENVER_changeset, PINION_VERSION, XEN_CHANGESET_INFO_LEN);
    text_is(XENVER_commandline, "<denied>", 1024);
    assert_int_equal(op_explained(name, 0, hc_xen_version, XENVER_compile_info, GUEST_VA), 0);
    assert_non_null(strstr(memory(0), "gcc " __VERSION__));
    assert_int_equal(op_explained(name, 0, hc_xen_version, XENVER_platform_parameters, GUEST_VA),
                     0);
    memcpy(&params, memory(0), sizeof(params));
    assert_true(params.virt_start == HV_VA_START);
    assert_int_equal(op_explained(name, 0, hc_xen_version, XENVER_pagesize, 0), PAGE_SIZE);
    assert_int_equal(op_explained(name, "argument-not-null", hc_xen_version, XENVER_pagesize, 1),
                     -EINVAL);
    memset(machine_guest.handle, 0x77, 16);
    assert_int_equal(op_explained(name, 0, hc_xen_version, XENVER_guest_handle, GUEST_VA), 0);
    assert_memory_equal(memory(0), machine_guest.handle, 16);
    assert_int_equal(op_explained(name, "privileged", hc_xen_version, XENVER_build_id, GUEST_VA),
                     -EPERM);
    assert_int_equal(op_explained(name, "version-op-unknown", hc_xen_version, 11, GUEST_VA),
                     -ENOSYS);
    assert_int_equal(
        op_explained(name, "argument-unreadable", hc_xen_version, XENVER_get_features, ABSENT),
        -EFAULT);
    assert_int_equal(
        op_explained(name, "submap-unknown", hc_xen_version, XENVER_get_features, put_word(1)),
        -EINVAL);
    assert_int_equal(features(), common);
    machine_guest.vm_assist = 1ul << VMASST_TYPE_pae_extended_cr3;
    assert_int_equal(features(), common | 1u << XENFEAT_pae_pgdir_above_4gb);
    machine_run(2);
    assert_int_equal(features(), common | 1u << XENFEAT_dom0);
    text_is(XENVER_commandline, "", 1024);
    assert_int_equal(
        op_explained(name, "image-has-no-build-id", hc_xen_version, XENVER_build_id, GUEST_VA),
        -ENODATA);
}

/* ---- vm_assist, timer, PMU -------------------------------------------------------------- */

static void assists(void **state)
{
    const uint64_t valid = 1ul << VMASST_TYPE_4gb_segments |
                           1ul << VMASST_TYPE_4gb_segments_notify |
                           1ul << VMASST_TYPE_writable_pagetables |
                           1ul << VMASST_TYPE_pae_extended_cr3 |
                           1ul << VMASST_TYPE_architectural_iopl |
                           1ul << VMASST_TYPE_runstate_update_flag | 1ul << VMASST_TYPE_m2p_strict;

    (void)state;
    assert_int_equal(op_explained("vm_assist", "assist-unknown", hc_vm_assist, 0, 64), -EINVAL);
    assert_int_equal(op_explained("vm_assist", "assist-command-unknown", hc_vm_assist, 2,
                                  VMASST_TYPE_m2p_strict),
                     -ENOSYS);
    for (uint64_t type = 0; type < 66; type++) {
        bool known = type < 64 && (valid & 1ul << type);
        uint64_t was = machine_guest.vm_assist;

        for (uint64_t cmd = 0; cmd < 4; cmd++) {
            long want = !known ? -EINVAL : cmd > VMASST_CMD_disable ? -ENOSYS : 0;

            machine_guest.vm_assist = cmd == VMASST_CMD_disable ? valid : was;
            machine_fault_routes = 0;
            assert_int_equal(machine_hypercall(hc_vm_assist, cmd, type, 0, 0), want);
            assert_int_equal(machine_fault_routes, want ? 0 : machine_guest.vcpus);
            if (!want)
                assert_true(
                    machine_guest.vm_assist ==
                    (cmd == VMASST_CMD_enable ? was | 1ul << type : valid & ~(1ul << type)));
        }
        machine_guest.vm_assist = 0;
    }
    assert_int_equal(op_explained("vm_assist", 0, hc_vm_assist, 1ul << 32, VMASST_TYPE_m2p_strict),
                     0);
}

static void timer(void **state)
{
    static const struct {
        uint64_t asked, set;
    } cases[] = {
        { 0, 0 },
        { 1, 1 },
        { 0x4ffff, 0x4ffff },
        { 0x50000 + (1ul << 50), 0x50000 + (1ul << 50) },
        { 0x50001 + (1ul << 50), 0x50000 + 100000000 },
        { 1ul << 63, 0x50000 + 100000000 },
        { ~0ul, 0x50000 + 100000000 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        self->time.singleshot = 7;
        assert_int_equal(op_explained("timer", 0, hc_set_timer_op, cases[i].asked, 0), 0);
        assert_int_equal(self->time.singleshot, cases[i].set);
    }
    assert_int_equal(op_explained("xenpmu_op", "no-virtual-pmu", hc_xenpmu_op, 0, 0), -EOPNOTSUPP);
}

/* ---- physdev_op --------------------------------------------------------------------------- */

static void io_rights(void **state)
{
    physdev_set_iobitmap_t map = { .nr_ports = 65536 };

    (void)state;
    for (uint32_t iopl = 0; iopl < 4; iopl++) {
        assert_int_equal(
            op_explained("physdev_op", 0, hc_physdev_op, PHYSDEVOP_set_iopl, put_word(iopl)), 0);
        assert_int_equal(self->iopl, iopl);
    }
    assert_int_equal(op_explained("physdev_op set_iopl", "iopl-too-high", hc_physdev_op,
                                  PHYSDEVOP_set_iopl, put_word(4)),
                     -EINVAL);
    assert_int_equal(op_explained("physdev_op set_iopl", "argument-unreadable", hc_physdev_op,
                                  PHYSDEVOP_set_iopl, ABSENT),
                     -EFAULT);
    assert_int_equal(self->iopl, 3);
    set_xen_guest_handle(map.bitmap, (uint8_t *)0x7000);
    assert_int_equal(op_explained("physdev_op", 0, hc_physdev_op, PHYSDEVOP_set_iobitmap,
                                  put(&map, sizeof(map))),
                     0);
    assert_int_equal(self->iobitmap_va, 0x7000);
    assert_int_equal(self->iobitmap_ports, 65536);
    map.nr_ports++;
    assert_int_equal(op_explained("physdev_op set_iobitmap", "bitmap-out-of-range", hc_physdev_op,
                                  PHYSDEVOP_set_iobitmap, put(&map, sizeof(map))),
                     -EINVAL);
    map.nr_ports = 1;
    set_xen_guest_handle(map.bitmap, (uint8_t *)(0x0000800000000000ul - 8191));
    assert_int_equal(op_explained("physdev_op set_iobitmap", "bitmap-out-of-range", hc_physdev_op,
                                  PHYSDEVOP_set_iobitmap, put(&map, sizeof(map))),
                     -EINVAL);
    assert_int_equal(op_explained("physdev_op set_iobitmap", "argument-unreadable", hc_physdev_op,
                                  PHYSDEVOP_set_iobitmap, ABSENT),
                     -EFAULT);
    assert_int_equal(self->iobitmap_ports, 65536);
}

static void interrupts(void **state)
{
    const char *eoi = "physdev_op eoi", *query = "physdev_op irq_status_query";
    physdev_irq_status_query_t status = { .irq = 15, .flags = 0x70 };

    (void)state;
    assert_int_equal(op_explained(eoi, "argument-unreadable", hc_physdev_op, PHYSDEVOP_eoi, ABSENT),
                     -EFAULT);
    assert_int_equal(
        op_explained(eoi, "pirq-not-bound", hc_physdev_op, PHYSDEVOP_eoi, put_word(15)), -EINVAL);
    assert_int_equal(op_explained(eoi, "pirq-unknown", hc_physdev_op, PHYSDEVOP_eoi, put_word(16)),
                     -EINVAL);
    assert_int_equal(op_explained(query, 0, hc_physdev_op, PHYSDEVOP_irq_status_query,
                                  put(&status, sizeof(status))),
                     0);
    memcpy(&status, memory(0), sizeof(status));
    assert_int_equal(status.irq, 15);
    assert_int_equal(status.flags, XENIRQSTAT_needs_eoi);
    status.irq = 16;
    assert_int_equal(op_explained(query, "pirq-unknown", hc_physdev_op, PHYSDEVOP_irq_status_query,
                                  put(&status, sizeof(status))),
                     -EINVAL);
    assert_int_equal(op_explained(query, "argument-unreadable", hc_physdev_op,
                                  PHYSDEVOP_irq_status_query, ABSENT),
                     -EFAULT);
    assert_int_equal(op_explained("physdev_op", "privileged", hc_physdev_op, PHYSDEVOP_map_pirq, 0),
                     -EPERM);
    assert_int_equal(op_explained("physdev_op", "physdev-op-unknown", hc_physdev_op, 99, 0),
                     -ENOSYS);
    machine_run(2);
    assert_int_equal(
        op_explained("physdev_op", "device-op-left-out", hc_physdev_op, PHYSDEVOP_map_pirq, 0),
        -ENOSYS);
}

/* ---- platform_op --------------------------------------------------------------------------- */

static long platform(const char *rule, const struct xen_platform_op *op)
{
    return op_explained("platform_op", rule, hc_platform_op, put(op, sizeof(*op)), 0);
}

static void platform_ops(void **state)
{
    struct xen_platform_op op = { .cmd = 999, .interface_version = XENPF_INTERFACE_VERSION + 1 };
    struct xen_platform_op answer;

    (void)state;
    assert_int_equal(op_explained("platform_op", "argument-unreadable", hc_platform_op, ABSENT, 0),
                     -EFAULT);
    assert_int_equal(platform("interface-version", &op), -EACCES);
    op.interface_version = XENPF_INTERFACE_VERSION;
    assert_int_equal(platform("privileged", &op), -EPERM);
    machine_run(2);
    assert_int_equal(platform("control-op-left-out", &op), -ENOSYS);
    op.cmd = XENPF_settime64;
    op.u.settime64.mbz = 1;
    assert_int_equal(platform("reserved-word", &op), -EINVAL);
    assert_int_equal(machine_sched.seconds, 0);
    op.u.settime64.mbz = 0;
    op.u.settime64.secs = 5;
    op.u.settime64.nsecs = 6;
    op.u.settime64.system_time = 7;
    assert_int_equal(platform(0, &op), 0);
    assert_true(machine_sched.seconds == 5 && machine_sched.ns == 6 && machine_sched.at == 7);
    op.cmd = XENPF_settime32;
    op.u.settime32.secs = 8;
    op.u.settime32.nsecs = 9;
    op.u.settime32.system_time = 10;
    assert_int_equal(platform(0, &op), 0);
    assert_true(machine_sched.seconds == 8 && machine_sched.ns == 9 && machine_sched.at == 10);
    op.cmd = XENPF_get_cpuinfo;
    for (uint32_t n = 0; n < 2; n++) {
        op.u.pcpu_info = (struct xenpf_pcpuinfo){ n, 77, 77, 77, 77 };
        assert_int_equal(platform(0, &op), 0);
        memcpy(&answer, memory(0), sizeof(answer));
        assert_int_equal(answer.u.pcpu_info.max_present, 0);
        assert_int_equal(answer.u.pcpu_info.flags,
                         n ? XEN_PCPU_FLAGS_INVALID : XEN_PCPU_FLAGS_ONLINE);
        assert_int_equal(answer.u.pcpu_info.apic_id, n ? 77 : 0);
        assert_int_equal(answer.u.pcpu_info.acpi_id, n ? 77 : 0);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, unstage)
    const struct CMUnitTest tests[] = {
        T(versions), T(assists), T(timer), T(io_rights), T(interrupts), T(platform_ops),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
