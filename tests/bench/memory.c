/*
 * SPDX-License-Identifier: MIT
 *
 * memory.c - how much of the machine the hypervisor keeps for itself.
 *
 * Three figures, all in frames: RAM by the machine's memory map; what this domain has when it has
 * asked for frames until none was left; and, where the hypervisor lets an initial domain make others
 * (Xen's does), what an empty domain with one vCPU took. scripts/bench boots with several sizes of RAM
 * and derives bytes for each frame from the first two.
 */
#define __XEN_TOOLS__ 1
#include "bench.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>

#include <string.h>

#define EXTENTS 256U

static uint64_t ram_frames(void)
{
    static struct {
        uint64_t start, size;
        uint32_t type;
    } __attribute__((packed)) entries[64];
    struct xen_memory_map map = { .nr_entries = 64 };
    uint64_t frames = 0;

    set_xen_guest_handle(map.buffer, entries);
    bench_check(hypercall_memory_op(XENMEM_machine_memory_map, &map), "memory map");
    for (unsigned int i = 0; i < map.nr_entries; i++)
        if (entries[i].type == 1)
            frames += entries[i].size >> PAGE_SHIFT;
    return frames;
}

static uint64_t current_pages(void)
{
    domid_t self = DOMID_SELF;

    return (uint64_t)hypercall_memory_op(XENMEM_current_reservation, &self);
}

/* Takes frames until the hypervisor has none left to give. */
static void take_all(void)
{
    static xen_pfn_t list[EXTENTS];
    uint64_t pfn = p2m_count;
    long got;

    do {
        struct xen_memory_reservation want = { .nr_extents = EXTENTS, .domid = DOMID_SELF };

        for (unsigned int i = 0; i < EXTENTS; i++)
            list[i] = pfn++;
        set_xen_guest_handle(want.extent_start, list);
        got = hypercall_memory_op(XENMEM_populate_physmap, &want);
    } while (got == EXTENTS);
}

static uint64_t free_pages(void)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

    return HYPERCALL_1(__HYPERVISOR_sysctl, &op) ? 0 : op.u.physinfo.free_pages;
}

/* Frames that an empty domain with one vCPU takes; 0 where none can be made. */
static uint64_t domain_cost(void)
{
    struct xen_domctl create = { .cmd = XEN_DOMCTL_createdomain,
                                 .interface_version = XEN_DOMCTL_INTERFACE_VERSION };
    struct xen_domctl vcpus = { .cmd = XEN_DOMCTL_max_vcpus,
                                .interface_version = XEN_DOMCTL_INTERFACE_VERSION };
    uint64_t before = free_pages();

    create.u.createdomain.max_vcpus = 1;
    create.u.createdomain.max_evtchn_port = 1023;
    create.u.createdomain.max_grant_frames = -1;
    create.u.createdomain.max_maptrack_frames = -1;
    create.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    create.u.createdomain.arch.emulation_flags = 0;
    memset(create.u.createdomain.handle, 1, sizeof(create.u.createdomain.handle));
    if (!before || HYPERCALL_1(__HYPERVISOR_domctl, &create))
        return 0;
    vcpus.domain = create.domain;
    vcpus.u.max_vcpus.max = 1;
    if (HYPERCALL_1(__HYPERVISOR_domctl, &vcpus))
        return 0;
    return before - free_pages();
}

void bench_memory(const char *name)
{
    (void)name;
    bench_report("memory-ram", ram_frames(), 1);
    bench_report("memory-new-domain", domain_cost(), 1);
    take_all();
    bench_report("memory-domain", current_pages(), 1);
}
