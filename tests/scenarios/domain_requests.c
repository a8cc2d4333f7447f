/*
 * SPDX-License-Identifier: MIT
 *
 * Requests about the domain itself: versions, polling, vCPU operations, and the probes that a kernel
 * makes of interfaces that are not for it.
 *
 * Background: each request has its own results, and refuses with the ABI's error for each bad
 * argument; a kernel decides by them what it can rely on.
 *
 * Steps: every request with good arguments, its effect looked at, and with each kind of bad one.
 *
 * Expected: the results as listed, the same on every hypervisor.
 */
#include "port.h"
#include "request.h"

#include "clock.h"

#include <string.h>

#define MS 1000000UL

SCENARIO(versions, "versions", "xen_version: numbers, buffers zero-padded, refusals")
{
    static char buffer[1025];
    xen_feature_info_t features = { 0, 0 };
    xen_platform_parameters_t platform = { 0 };

    EXPECT_EQ(hypercall_xen_version(XENVER_version, NULL), 4 << 16 | 17);
    EXPECT_EQ(hypercall_xen_version(XENVER_pagesize, NULL), 4096);
    EXPECT_EQ(hypercall_xen_version(XENVER_pagesize, buffer), -XEN_EINVAL);
    EXPECT_EQ(hypercall_xen_version(XENVER_platform_parameters, &platform), 0);
    EXPECT_EQ(platform.virt_start, HV_VA_START);
    EXPECT_EQ(hypercall_xen_version(XENVER_get_features, &features), 0);
    EXPECT_EQ(features.submap & ~(1u << XENFEAT_pae_pgdir_above_4gb),
              initial_domain() ? 0x228e0 : 0x220e0);
    features.submap_idx = 1;
    EXPECT_EQ(hypercall_xen_version(XENVER_get_features, &features), -XEN_EINVAL);
    memset(buffer, 'x', sizeof(buffer));
    EXPECT_EQ(hypercall_xen_version(XENVER_capabilities, buffer), 0);
    EXPECT(!strncmp(buffer, "xen-3.0-x86_64 ", 15));
    EXPECT_EQ(buffer[1023], 0);
    EXPECT_EQ(buffer[1024], 'x');
    memset(buffer, 'x', sizeof(buffer));
    EXPECT_EQ(hypercall_xen_version(XENVER_extraversion, buffer), 0);
    EXPECT_EQ(buffer[15], 0);
    EXPECT_EQ(buffer[16], 'x');
    EXPECT_EQ(hypercall_xen_version(XENVER_compile_info, buffer), 0);
    EXPECT_EQ(hypercall_xen_version(XENVER_changeset, buffer), 0);
    EXPECT_EQ(hypercall_xen_version(XENVER_guest_handle, buffer), 0);
    EXPECT_EQ(hypercall_xen_version(XENVER_extraversion, BAD_POINTER), -XEN_EFAULT);
    EXPECT_EQ(hypercall_xen_version(XENVER_get_features, NULL), -XEN_EFAULT);
    EXPECT_EQ(hypercall_xen_version(99, buffer), -XEN_ENOSYS);
    if (!initial_domain()) {
        EXPECT_EQ(hypercall_xen_version(XENVER_build_id, NULL), -XEN_EPERM);
        EXPECT_EQ(hypercall_xen_version(XENVER_commandline, buffer), 0);
        EXPECT(!strcmp(buffer, "<denied>"));
    }
}

SCENARIO(sched_poll, "sched-poll", "poll waits for a port or its timeout, and refuses bad lists")
{
    evtchn_bind_ipi_t ipi = { .vcpu = 0 };
    evtchn_port_t ports[2] = { 0, NO_PORT };
    sched_poll_t poll = { .nr_ports = 1 };
    struct sched_watchdog dog = { .id = 3 };
    uint64_t start;

    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
    shared_info_page.evtchn_mask[ipi.port / 64] |= 1UL << ipi.port % 64;
    ports[0] = ipi.port;
    set_xen_guest_handle(poll.ports, ports);
    start = clock_ns();
    poll.timeout = start + 20 * MS;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
    EXPECT(clock_ns() - start >= 20 * MS);
    EXPECT_EQ(port_send(ipi.port), 0);
    poll.timeout = 0; /* for ever, were it not pending */
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
    poll.nr_ports = 2;
    ports[0] = NO_PORT;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
    poll.nr_ports = 129;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
    poll.nr_ports = 1;
    poll.ports.p = BAD_POINTER;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), -XEN_EFAULT);
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, BAD_POINTER), -XEN_EFAULT);
    EXPECT_EQ(port_close(ipi.port), 0);
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_yield, NULL), 0);
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_shutdown, BAD_POINTER), -XEN_EFAULT);
    EXPECT_EQ(hypercall_sched_op(99, NULL), -XEN_ENOSYS);
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_watchdog, &dog), -XEN_EINVAL);
    dog = (struct sched_watchdog){ .id = 2, .timeout = 30 };
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_watchdog, &dog), -XEN_EINVAL);
    dog.id = 0;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_watchdog, &dog), 1);
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_watchdog, &dog), 2);
    EXPECT_EQ((int)hypercall_sched_op(SCHEDOP_watchdog, &dog),
              -XEN_ENOSPC); /* Xen: 32 bits of it */
    dog = (struct sched_watchdog){ .id = 1, .timeout = 0 };
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_watchdog, &dog), 0);
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_watchdog, &dog), -XEN_EINVAL);
    dog.id = 2;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_watchdog, &dog), 0);
    if (!initial_domain())
        EXPECT_EQ(hypercall_sched_op(SCHEDOP_pin_override, NULL), -XEN_EPERM);
}

SCENARIO(vcpu_requests, "vcpu-op",
         "vcpu_op: areas written at once, timers, the error of each bad argument")
{
    static vcpu_runstate_info_t runstate;
    static struct vcpu_time_info time;
    vcpu_register_runstate_memory_area_t run_area = { .addr.v = &runstate };
    vcpu_register_time_memory_area_t time_area = { .addr.v = &time };
    vcpu_register_vcpu_info_t info = { .mfn = ~0UL, .offset = 4096 - 32 };
    vcpu_set_periodic_timer_t periodic = { .period_ns = 999999 };
    vcpu_set_singleshot_timer_t single = { .timeout_abs_ns = 1 };
    vcpu_runstate_info_t now;
    uint64_t ticks, sum = 0;

    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, 0, NULL), 1);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, 31, NULL), -XEN_ENOENT);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_is_up, ~0u, NULL), -XEN_ENOENT);
    EXPECT_EQ(hypercall_vcpu_op(99, 0, NULL), -XEN_ENOSYS);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &run_area), 0);
    EXPECT_EQ(runstate.state, RUNSTATE_running);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &now), 0);
    for (int i = 0; i < 4; i++)
        sum += now.time[i];
    EXPECT(sum > 0);
    EXPECT_EQ(now.state, RUNSTATE_running);
    run_area.addr.v = BAD_POINTER;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &run_area), -XEN_EFAULT);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &time_area), 0);
    EXPECT(!(time.version & 1) && time.version && time.tsc_to_system_mul >= 0x80000000u);
    EXPECT_EQ(time.flags, guest_vcpu_info()->time.flags);
    time_area.addr.v = BAD_POINTER;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &time_area), -XEN_EFAULT);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &info), -XEN_ENXIO);
    info.offset = 4;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &info), -XEN_ENXIO);
    info.offset = 64;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &info), -XEN_EINVAL);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic), -XEN_EINVAL);
    periodic.period_ns = 1UL << 62;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic), -XEN_EINVAL);
    periodic.period_ns = 2 * MS;
    ticks = clock_ticks();
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic), 0);
    expect_ticks(ticks, 3);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    ticks = clock_ticks();
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &single), 0);
    expect_ticks(ticks, 1);
    EXPECT_EQ(clock_ticks(), ticks + 1);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_send_nmi, 0, &single), -XEN_EINVAL);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_initialise, 0, BAD_POINTER), -XEN_EFAULT);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, 0, NULL), 0);
    /* The areas are static, and stay registered. */
}

SCENARIO(control_probes, "control-probes",
         "vm_assist, physdev_op and console_io: refusals of bad arguments")
{
    struct physdev_set_iopl iopl = { 4 };
    struct physdev_set_iobitmap bitmap = { .nr_ports = 65537 };
    char text = 0;

    EXPECT_EQ(hypercall_vm_assist(VMASST_CMD_enable, 6), -XEN_EINVAL);
    EXPECT_EQ(hypercall_vm_assist(VMASST_CMD_enable, 64), -XEN_EINVAL);
    EXPECT_EQ(hypercall_vm_assist(9, VMASST_TYPE_4gb_segments), -XEN_ENOSYS);
    EXPECT_EQ(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_4gb_segments), 0);
    EXPECT_EQ(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_4gb_segments), 0);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), -XEN_EINVAL);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iopl, BAD_POINTER), -XEN_EFAULT);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &bitmap), -XEN_EINVAL);
    EXPECT_EQ(hypercall_physdev_op(99, &iopl), -XEN_ENOSYS);
    if (initial_domain()) {
        EXPECT_EQ(hypercall_console_io(CONSOLEIO_write, 4, BAD_POINTER), -XEN_EFAULT);
        EXPECT_EQ(hypercall_console_io(CONSOLEIO_write, 0, BAD_POINTER), 0);
        EXPECT_EQ(hypercall_console_io(CONSOLEIO_read, 0x80000000u, &text), -XEN_E2BIG);
        EXPECT_EQ(hypercall_console_io(9, 1, &text), -XEN_ENOSYS);
    } else {
        EXPECT_EQ(hypercall_console_io(CONSOLEIO_write, 1, &text), -XEN_EPERM);
    }
}
