/*
 * SPDX-License-Identifier: MIT
 *
 * Requests about the domain itself: versions, event channels, polling, vCPU operations, memory
 * reservations, and the probes that a kernel makes of interfaces that are not for it.
 *
 * Background: each request has its own results, and refuses with the ABI's error for each bad
 * argument; a kernel decides by them what it can rely on.
 *
 * Steps: every request with good arguments, its effect looked at, and with each kind of bad one.
 *
 * Expected: the results as listed, the same on every hypervisor; reservations end as they began.
 */
#include "scenario.h"

#include "clock.h"
#include "events.h"
#include "mm/p2m.h"

#include <string.h>

#define BAD_POINTER ((void *)0xffff820000000000UL)
#define NO_PORT     0x100000u
#define MS          1000000UL

static bool initial_domain(void)
{
    return guest_start_info->flags & SIF_INITDOMAIN;
}

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

/* ------------------------------------------------------------------ event channels */

static evtchn_port_t seen_port;
static unsigned int seen_count;

static void seen(evtchn_port_t port)
{
    seen_port = port;
    seen_count++;
}

static long evtchn_close(evtchn_port_t port)
{
    evtchn_close_t op = { port };

    return hypercall_event_channel_op(EVTCHNOP_close, &op);
}

static long evtchn_send(evtchn_port_t port)
{
    evtchn_send_t op = { port };

    return hypercall_event_channel_op(EVTCHNOP_send, &op);
}

static evtchn_status_t evtchn_status(evtchn_port_t port)
{
    evtchn_status_t op = { .dom = DOMID_SELF, .port = port };

    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_status, &op), 0);
    return op;
}

SCENARIO(events_ipi, "events-ipi", "an event to ourselves arrives once; mask and unmask hold it")
{
    evtchn_bind_ipi_t ipi = { .vcpu = 0 }, absent = { .vcpu = 31 };
    evtchn_bind_vcpu_t move = { .vcpu = 0 };
    evtchn_unmask_t unmask;
    uint64_t *mask;

    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &absent), -XEN_ENOENT);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
    EXPECT(ipi.port > 0 && ipi.port < EVENT_PORTS);
    EXPECT_EQ(evtchn_status(ipi.port).status, EVTCHNSTAT_ipi);
    seen_count = 0;
    EXPECT_EQ(event_bind(ipi.port, seen), 0);
    EXPECT_EQ(evtchn_send(ipi.port), 0);
    EXPECT_EQ(seen_count, 1);
    EXPECT_EQ(seen_port, ipi.port);
    mask = &shared_info_page.evtchn_mask[ipi.port / 64];
    *mask |= 1UL << ipi.port % 64;
    EXPECT_EQ(evtchn_send(ipi.port), 0);
    EXPECT_EQ(seen_count, 1);
    EXPECT(shared_info_page.evtchn_pending[ipi.port / 64] >> ipi.port % 64 & 1);
    unmask.port = ipi.port;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_unmask, &unmask), 0);
    EXPECT_EQ(seen_count, 2);
    move.port = ipi.port;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &move), -XEN_EINVAL);
    EXPECT_EQ(evtchn_close(ipi.port), 0);
    EXPECT_EQ(evtchn_close(ipi.port), -XEN_EINVAL);
    EXPECT_EQ(evtchn_send(ipi.port), -XEN_EINVAL);
}

SCENARIO(events_loop, "events-loopback",
         "two ends of a channel in one domain; a closed end unbinds")
{
    evtchn_alloc_unbound_t unbound = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    evtchn_bind_interdomain_t bind = { .remote_dom = DOMID_SELF };

    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &unbound), 0);
    EXPECT_EQ(evtchn_status(unbound.port).status, EVTCHNSTAT_unbound);
    EXPECT_EQ(evtchn_send(unbound.port), 0); /* nobody there: lost without a word */
    bind.remote_port = unbound.port;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), 0);
    EXPECT(bind.local_port != unbound.port);
    EXPECT_EQ(evtchn_status(bind.local_port).status, EVTCHNSTAT_interdomain);
    EXPECT_EQ(evtchn_status(bind.local_port).u.interdomain.port, unbound.port);
    EXPECT_EQ(evtchn_status(unbound.port).u.interdomain.port, bind.local_port);
    EXPECT(shared_info_page.evtchn_pending[bind.local_port / 64] >> bind.local_port % 64 & 1);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), -XEN_EINVAL);
    seen_count = 0;
    EXPECT_EQ(event_bind(unbound.port, seen), 0);
    EXPECT_EQ(evtchn_send(bind.local_port), 0);
    EXPECT_EQ(seen_count, 1);
    EXPECT_EQ(evtchn_close(bind.local_port), 0);
    EXPECT_EQ(evtchn_status(unbound.port).status, EVTCHNSTAT_unbound);
    EXPECT_EQ(evtchn_close(unbound.port), 0);
    EXPECT_EQ(evtchn_status(unbound.port).status, EVTCHNSTAT_closed);
}

SCENARIO(events_refused, "events-refused", "event_channel_op: the error of each bad argument")
{
    evtchn_bind_virq_t virq = { .virq = 24 };
    evtchn_alloc_unbound_t unbound = { .dom = 77, .remote_dom = DOMID_SELF };
    evtchn_bind_interdomain_t bind = { .remote_dom = 77, .remote_port = 1 };
    evtchn_bind_vcpu_t move = { .port = NO_PORT, .vcpu = 9 };
    evtchn_unmask_t unmask = { NO_PORT };
    evtchn_status_t status = { .dom = DOMID_SELF, .port = NO_PORT };
    evtchn_init_control_t control = { .control_gfn = ~0UL };
    evtchn_expand_array_t expand = { ~0UL };

    EXPECT_EQ(hypercall_event_channel_op(99, &virq), -XEN_ENOSYS);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_send, BAD_POINTER), -XEN_EFAULT);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_virq, &virq), -XEN_EINVAL);
    virq = (evtchn_bind_virq_t){ .virq = VIRQ_DEBUG, .vcpu = 31 };
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_virq, &virq), -XEN_ENOENT);
    virq = (evtchn_bind_virq_t){ .virq = VIRQ_ARCH_0, .vcpu = 1 };
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_virq, &virq), -XEN_EINVAL);
    virq = (evtchn_bind_virq_t){ .virq = VIRQ_TIMER };
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_virq, &virq), -XEN_EEXIST);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &unbound), -XEN_ESRCH);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind), -XEN_ESRCH);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &move), -XEN_ENOENT);
    move.vcpu = 0;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &move), -XEN_EINVAL);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_unmask, &unmask), -XEN_EINVAL);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_status, &status), -XEN_EINVAL);
    status = (evtchn_status_t){ .dom = 77, .port = 1 };
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_status, &status), -XEN_ESRCH);
    EXPECT_EQ(evtchn_close(0), -XEN_EINVAL);
    EXPECT_EQ(evtchn_send(NO_PORT), -XEN_EINVAL);
    EXPECT_EQ(evtchn_send(0x80000000u), -XEN_EINVAL);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_init_control, &control), -XEN_EINVAL);
    control.vcpu = 31;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_init_control, &control), -XEN_ENOENT);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_expand_array, &expand), -XEN_EOPNOTSUPP);
}

/* Takes every port there is: 4095 in all, then -ENOSPC; and gives them back. */
SCENARIO(events_exhaust, "events-exhaust", "all ports taken: -ENOSPC, and all can be taken again")
{
    static uint8_t ours[EVTCHN_2L_NR_CHANNELS];
    unsigned int first = 0;

    for (int round = 0; round < 2; round++) {
        unsigned int count = 0;
        long rc;

        memset(ours, 0, sizeof(ours));
        for (;;) {
            evtchn_alloc_unbound_t op = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };

            rc = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &op);
            if (rc)
                break;
            EXPECT(op.port > 0 && op.port < EVTCHN_2L_NR_CHANNELS && !ours[op.port]);
            ours[op.port] = 1;
            count++;
        }
        for (unsigned int port = 1; port < EVTCHN_2L_NR_CHANNELS; port++)
            if (ours[port])
                EXPECT_EQ(evtchn_close(port), 0);
        EXPECT_EQ(rc, -XEN_ENOSPC);
        EXPECT(count > 900);
        if (round)
            EXPECT_EQ(count, first);
        first = count;
    }
    scenario_reason("%u ports", first);
}

SCENARIO(sched_poll, "sched-poll", "poll waits for a port or its timeout, and refuses bad lists")
{
    evtchn_bind_ipi_t ipi = { .vcpu = 0 };
    evtchn_port_t ports[2] = { 0, NO_PORT };
    sched_poll_t poll = { .nr_ports = 1 };
    struct sched_watchdog dog = { .id = 3 };
    uint64_t start, slept;

    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &ipi), 0);
    shared_info_page.evtchn_mask[ipi.port / 64] |= 1UL << ipi.port % 64;
    ports[0] = ipi.port;
    set_xen_guest_handle(poll.ports, ports);
    start = clock_ns();
    poll.timeout = start + 20 * MS;
    EXPECT_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
    slept = clock_ns() - start;
    EXPECT(slept >= 20 * MS);
    EXPECT(slept < 2000 * MS);
    EXPECT_EQ(evtchn_send(ipi.port), 0);
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
    EXPECT_EQ(evtchn_close(ipi.port), 0);
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
    /* Seconds, not 3 periods: the machine itself may not be running for a while. */
    for (uint64_t start = clock_ns(); clock_ns() - start < 3000 * MS && clock_ticks() - ticks < 3;)
        ;
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    EXPECT(clock_ticks() - ticks >= 3);
    ticks = clock_ticks();
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &single), 0);
    for (uint64_t start = clock_ns(); clock_ns() - start < 3000 * MS && clock_ticks() == ticks;)
        ;
    EXPECT_EQ(clock_ticks(), ticks + 1);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_send_nmi, 0, &single), -XEN_EINVAL);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_initialise, 0, BAD_POINTER), -XEN_EFAULT);
    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_up, 0, NULL), 0);
    /* The areas are static, and stay registered. */
}

/* ------------------------------------------------------------------ memory */

static long reservation(unsigned int cmd, uint64_t *list, unsigned long count, unsigned int order)
{
    struct xen_memory_reservation r = { .nr_extents = count,
                                        .extent_order = order,
                                        .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, list);
    return hypercall_memory_op(cmd, &r);
}

static long current_reservation(void)
{
    domid_t self = DOMID_SELF;

    return hypercall_memory_op(XENMEM_current_reservation, &self);
}

/* A page of ours without a mapping, so that only its allocation refers to its frame. */
static pfn_t page_unmapped(void)
{
    pfn_t pfn = page_alloc(PAGE_KERNEL);

    REQUIRE(!page_none(pfn));
    REQUIRE(!hypercall_update_va_mapping((uint64_t)page_va(pfn), 0, UVMF_INVLPG));
    return pfn;
}

/* It gets the frame mfn instead of the one it had. */
static void page_remap(pfn_t pfn, uint64_t mfn)
{
    p2m_list[pfn.n] = mfn;
    EXPECT_EQ(hypercall_update_va_mapping((uint64_t)page_va(pfn),
                                          pte_make(mfn_of(mfn), PTE_P | PTE_RW | PTE_A | PTE_D),
                                          UVMF_INVLPG),
              0);
    page_put(pfn);
}

SCENARIO(memory_reservation, "memory-reservation", "frames given back and got again; partial lists")
{
    pfn_t pfn[3];
    uint64_t list[4], old[3];
    long before = current_reservation();
    struct xen_machphys_mapping m2p_place;

    for (int i = 0; i < 3; i++) {
        pfn[i] = page_unmapped();
        list[i] = old[i] = p2m(pfn[i]).n;
    }
    list[3] = ~0UL;
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, list, 4, 0), 3);
    EXPECT_EQ(current_reservation(), before - 3);
    EXPECT_EQ(reservation(XENMEM_decrease_reservation, old, 3, 0), 0);
    for (int i = 0; i < 3; i++)
        list[i] = pfn[i].n;
    EXPECT_EQ(reservation(XENMEM_populate_physmap, list, 3, 0), 3);
    EXPECT_EQ(current_reservation(), before);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(m2p(mfn_of(list[i])).n, pfn[i].n);
        page_remap(pfn[i], list[i]);
        EXPECT_EQ(*(volatile uint64_t *)page_va(pfn[i]), 0);
    }
    EXPECT_EQ(reservation(XENMEM_populate_physmap, BAD_POINTER, 1, 0), 0);
    EXPECT_EQ(reservation(XENMEM_populate_physmap, list, 1, 63), 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_decrease_reservation, BAD_POINTER), 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_current_reservation, BAD_POINTER), -XEN_EFAULT);
    domid_t nobody = 77;
    EXPECT_EQ(hypercall_memory_op(XENMEM_current_reservation, &nobody), -XEN_ESRCH);
    EXPECT(hypercall_memory_op(XENMEM_maximum_ram_page, NULL) > 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_machphys_mapping, &m2p_place), 0);
    EXPECT_EQ(m2p_place.v_start, M2P_VA_START);
    EXPECT_EQ(m2p_place.v_end, M2P_VA_END);
    EXPECT_EQ(hypercall_memory_op(63, NULL), -XEN_ENOSYS);
}

/* Three single pages and one that is mapped: the exchange stops there, and says where. */
SCENARIO(memory_exchange, "memory-exchange",
         "single frames exchanged one by one; a mapped one stops it")
{
    struct xen_memory_exchange x = { 0 };
    uint64_t in[4], out[4];
    long before = current_reservation();
    pfn_t pfn[3], mapped = scenario_page();

    for (int i = 0; i < 3; i++) {
        pfn[i] = page_unmapped();
        in[i] = p2m(pfn[i]).n;
        out[i] = pfn[i].n;
    }
    in[3] = p2m(mapped).n;
    out[3] = mapped.n;
    set_xen_guest_handle(x.in.extent_start, in);
    set_xen_guest_handle(x.out.extent_start, out);
    x.in.nr_extents = x.out.nr_extents = 4;
    x.in.domid = x.out.domid = DOMID_SELF;
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    EXPECT_EQ(x.nr_exchanged, 3);
    EXPECT_EQ(out[3], mapped.n);
    EXPECT_EQ(current_reservation(), before);
    for (int i = 0; i < 3; i++) {
        EXPECT(out[i] != in[i]);
        EXPECT_EQ(m2p(mfn_of(out[i])).n, pfn[i].n);
        page_remap(pfn[i], out[i]);
    }
    x.nr_exchanged = 5;
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    x.nr_exchanged = 0;
    x.in.extent_order = x.out.extent_order = 20;
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, &x), -XEN_EPERM);
    x.in.extent_order = 1;
    x.out.extent_order = 0;
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange, BAD_POINTER), -XEN_EFAULT);
    EXPECT_EQ(hypercall_memory_op(XENMEM_exchange | 1 << 6, &x), -XEN_EINVAL);
}

SCENARIO(memory_refused, "memory-no-physmap", "what only translated guests may ask")
{
    struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info };
    struct xen_remove_from_physmap drop = { .domid = DOMID_SELF };

    EXPECT_EQ(hypercall_memory_op(XENMEM_add_to_physmap, &add), -XEN_EACCES);
    EXPECT_EQ(hypercall_memory_op(XENMEM_add_to_physmap, BAD_POINTER), -XEN_EFAULT);
    EXPECT_EQ(hypercall_memory_op(XENMEM_add_to_physmap | 0x10000 << 6, &add), -XEN_EDOM);
    add.space = XENMAPSPACE_gmfn_foreign;
    EXPECT_EQ(hypercall_memory_op(XENMEM_add_to_physmap, &add), -XEN_ENOSYS);
    EXPECT_EQ(hypercall_memory_op(XENMEM_remove_from_physmap, &drop), -XEN_EACCES);
}

/* ------------------------------------------------------------------ probes */

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
