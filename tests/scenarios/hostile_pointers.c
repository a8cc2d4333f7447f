/*
 * SPDX-License-Identifier: MIT
 *
 * hostile-pointers: a bad pointer to every request that takes one.
 *
 * Background: requests name structures and buffers by guest address.  The hypervisor runs on the
 * guest's tables, in the same address space: an unchecked pointer would read or write its memory, or
 * the guest's page tables through their read-only mapping.
 *
 * Steps: each request with a null pointer, an unmapped one, non-canonical ones, the hypervisor's
 * memory, the M2P, the end of the address space, and a structure whose end is not mapped; each request
 * that answers in memory with a read-only page, a page table and text.
 *
 * Expected: -EFAULT, unless noted; read-only memory keeps its contents.
 */
#include "hostile.h"

#include <string.h>

struct request {
    const char *name;
    long (*ask)(void *p);
    bool null_means; /* something else than a bad pointer */
};

#define REQUEST(ident, expression) \
    static long ident(void *p)     \
    {                              \
        return expression;         \
    }

REQUEST(ask_mmu_update, hypercall_mmu_update(p, 1, NULL, DOMID_SELF))
REQUEST(ask_mmuext_op, hypercall_mmuext_op(p, 1, NULL, DOMID_SELF))
REQUEST(ask_set_trap_table, hypercall_set_trap_table(p))
REQUEST(ask_set_gdt, hypercall_set_gdt(p, 8))
REQUEST(ask_multicall, hypercall_multicall(p, 1))
REQUEST(ask_callback, hypercall_callback_op(CALLBACKOP_register, p))
REQUEST(ask_callback_off, hypercall_callback_op(CALLBACKOP_unregister, p))
REQUEST(ask_current, hypercall_memory_op(XENMEM_current_reservation, p))
REQUEST(ask_maximum, hypercall_memory_op(XENMEM_maximum_reservation, p))
REQUEST(ask_exchange, hypercall_memory_op(XENMEM_exchange, p))
REQUEST(ask_machphys, hypercall_memory_op(XENMEM_machphys_mapping, p))
REQUEST(ask_machphys_list, hypercall_memory_op(XENMEM_machphys_mfn_list, p))
REQUEST(ask_shutdown, hypercall_sched_op(SCHEDOP_shutdown, p))
REQUEST(ask_poll, hypercall_sched_op(SCHEDOP_poll, p))
REQUEST(ask_bind_virq, hypercall_event_channel_op(EVTCHNOP_bind_virq, p))
REQUEST(ask_bind_ipi, hypercall_event_channel_op(EVTCHNOP_bind_ipi, p))
REQUEST(ask_alloc, hypercall_event_channel_op(EVTCHNOP_alloc_unbound, p))
REQUEST(ask_bind, hypercall_event_channel_op(EVTCHNOP_bind_interdomain, p))
REQUEST(ask_close, hypercall_event_channel_op(EVTCHNOP_close, p))
REQUEST(ask_send, hypercall_event_channel_op(EVTCHNOP_send, p))
REQUEST(ask_status, hypercall_event_channel_op(EVTCHNOP_status, p))
REQUEST(ask_unmask, hypercall_event_channel_op(EVTCHNOP_unmask, p))
REQUEST(ask_iopl, hypercall_physdev_op(PHYSDEVOP_set_iopl, p))
REQUEST(ask_singleshot, hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, p))
REQUEST(ask_periodic, hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, p))
REQUEST(ask_runstate, hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, p))
REQUEST(ask_register_info, hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, p))
REQUEST(ask_extraversion, hypercall_xen_version(XENVER_extraversion, p))
REQUEST(ask_compile, hypercall_xen_version(XENVER_compile_info, p))
REQUEST(ask_capabilities, hypercall_xen_version(XENVER_capabilities, p))
REQUEST(ask_changeset, hypercall_xen_version(XENVER_changeset, p))
REQUEST(ask_platform, hypercall_xen_version(XENVER_platform_parameters, p))
REQUEST(ask_features, hypercall_xen_version(XENVER_get_features, p))
REQUEST(ask_handle, hypercall_xen_version(XENVER_guest_handle, p))

static const struct request reads[] = {
    { "mmu_update", ask_mmu_update, false },
    { "mmuext_op", ask_mmuext_op, false },
    { "set_trap_table", ask_set_trap_table, true },
    { "set_gdt", ask_set_gdt, false },
    { "multicall", ask_multicall, false },
    { "callback register", ask_callback, false },
    { "callback unregister", ask_callback_off, false },
    { "current_reservation", ask_current, false },
    { "maximum_reservation", ask_maximum, false },
    { "exchange", ask_exchange, false },
    { "machphys_mfn_list", ask_machphys_list, false },
    { "shutdown", ask_shutdown, false },
    { "poll", ask_poll, false },
    { "bind_virq", ask_bind_virq, false },
    { "bind_ipi", ask_bind_ipi, false },
    { "alloc_unbound", ask_alloc, false },
    { "bind_interdomain", ask_bind, false },
    { "close", ask_close, false },
    { "send", ask_send, false },
    { "status", ask_status, false },
    { "unmask", ask_unmask, false },
    { "set_iopl", ask_iopl, false },
    { "singleshot timer", ask_singleshot, false },
    { "periodic timer", ask_periodic, false },
    { "register_vcpu_info", ask_register_info, false },
    { "get_features", ask_features, false },
};

static const struct request writes[] = {
    { "machphys_mapping", ask_machphys, false },    { "runstate_info", ask_runstate, false },
    { "extraversion", ask_extraversion, false },    { "compile_info", ask_compile, false },
    { "capabilities", ask_capabilities, false },    { "changeset", ask_changeset, false },
    { "platform_parameters", ask_platform, false }, { "guest_handle", ask_handle, false },
};

static void ask_all(const struct request *list, unsigned int count, uint64_t p)
{
    for (unsigned int i = 0; i < count; i++) {
        if (!p && list[i].null_means)
            continue;
        long rc = list[i].ask((void *)p);

        if (rc != -XEN_EFAULT)
            scenario_fail("%s with pointer %lx: %ld, not -EFAULT", list[i].name, p, rc);
    }
}

#define ALL(list) list, sizeof(list) / sizeof(list[0])

SCENARIO(hostile_pointers, "hostile-pointers-read",
         "every request: null, unmapped, non-canonical, not ours, cut off")
{
    struct region *r = scenario_region(1, REGION_R | REGION_W, &region_anon);
    uint64_t bad[] = {
        0,
        8,
        scenario_va(),
        0x7ffffffffff8,
        0x0000800000000000,
        0x0000900000000000,
        0xffff7ffffffffff8,
        M2P_VA_START,
        0xffff804000000000,
        0xffff82d080200000,
        0xffff830000100000,
        0xffff87fffffffff8,
        ~0UL,
        ~0UL - 7,
        r->end - 1,
    };

    *(volatile uint64_t *)r->start = 0;
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ask_all(ALL(reads), bad[i]);
        ask_all(ALL(writes), bad[i]);
    }
    scenario_reason("%lu requests, %lu pointers",
                    sizeof(reads) / sizeof(reads[0]) + sizeof(writes) / sizeof(writes[0]),
                    sizeof(bad) / sizeof(bad[0]));
}

SCENARIO(hostile_pointers_write, "hostile-pointers-write",
         "answers do not go to read-only memory: page tables, text")
{
    static uint8_t before[PAGE_SIZE];
    struct ground g = ground_make();
    const void *targets[] = { g.w.slot[1], g.w.slot[2], g.w.slot[4],
                              (void *)page_floor((uint64_t)scenarios_run) };
    mmu_update_t req = { walk_slot_ma(&g.w, 1), g.entry };

    for (unsigned int i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        memcpy(before, (void *)page_floor((uint64_t)targets[i]), PAGE_SIZE);
        ask_all(ALL(writes), (uint64_t)targets[i]);
        /* Where `done` cannot be written it is left out. */
        EXPECT_EQ(hypercall_mmu_update(&req, 0, (unsigned int *)targets[i], DOMID_SELF), 0);
        EXPECT(memcmp(before, (void *)page_floor((uint64_t)targets[i]), PAGE_SIZE) == 0);
    }
}

SCENARIO(hostile_pointers_others, "hostile-pointers-others",
         "requests that answer a bad pointer otherwise")
{
    struct ground g = ground_make();
    bool initial = guest_start_info->flags & SIF_INITDOMAIN;
    struct physdev_set_iobitmap bitmap = { .nr_ports = 65536 };
    mmuext_op_t flush = { .cmd = MMUEXT_TLB_FLUSH_MULTI };
    uint64_t hv = 0xffff830000100000;

    /* console_io asks for the right first. */
    EXPECT_EQ(hypercall_console_io(CONSOLEIO_write, 8, (void *)hv),
              initial ? -XEN_EFAULT : -XEN_EPERM);
    EXPECT_EQ(hypercall_console_io(CONSOLEIO_write, 8, NULL), initial ? -XEN_EFAULT : -XEN_EPERM);
    /* Reservations answer with the number of extents done. */
    EXPECT_EQ(hypercall_memory_op(XENMEM_increase_reservation, (void *)hv), 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_decrease_reservation, NULL), 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_populate_physmap, (void *)(~0UL - 7)), 0);
    set_xen_guest_handle(bitmap.bitmap, (void *)hv);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &bitmap), -XEN_EINVAL);
    /* The set of processors to flush comes after the update, which stays. */
    EXPECT_EQ(hypercall_update_va_mapping(g.va, g.entry, hv | UVMF_INVLPG), -XEN_EFAULT);
    EXPECT_EQ(pte_mfn(slot_now(&g.w, 1)).n, p2m(g.page).n);
    EXPECT_EQ(mmu_update_one(walk_slot_ma(&g.w, 1), 0), 0);
    set_xen_guest_handle(flush.arg2.vcpumask, (void *)hv);
    EXPECT_EQ(hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF), -XEN_EINVAL);
}
