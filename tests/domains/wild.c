/* SPDX-License-Identifier: MIT */
/*
 * A domain that ends at a moment that nobody has chosen: between two pieces of a request as well as in
 * user code, with whatever it holds then.
 */
#include "domains.h"

#include "clock.h"
#include "events.h"
#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/layout.h"
#include "mm/p2m.h"
#include "mm/page.h"
#include "mm/pt_update.h"

#include <xen/grant_table.h>

#define TABLES 96u
#define REF    9u

static pfn_t l3, l2;

/* The timer's event: it comes between the pieces of a request, too. */
static void die(evtchn_port_t port)
{
    sched_shutdown_t end = { .reason = chance(2) ? SHUTDOWN_reboot : SHUTDOWN_crash };

    (void)port;
    if (!chance(8)) {
        (void)hypercall_set_trap_table(NULL);
        __asm__ volatile("ud2");
    }
    (void)hypercall_sched_op(SCHEDOP_shutdown, &end);
}

static void die_within(uint64_t ns)
{
    evtchn_port_t port = 1;

    for (;; port++) {
        evtchn_status_t status = { .dom = DOMID_SELF, .port = port };

        if (hypercall_event_channel_op(EVTCHNOP_status, &status))
            guest_panic("wild: no timer");
        if (status.status == EVTCHNSTAT_virq && status.u.virq == VIRQ_TIMER)
            break;
    }
    (void)event_bind(port, die);
    (void)hypercall_set_timer_op(clock_ns() + chance(ns));
}

static pfn_t table_take(void)
{
    pfn_t pfn = page_alloc_zero(PAGE_KERNEL);

    if (page_none(pfn))
        guest_panic("wild: no memory");
    return pfn;
}

static void readonly(pfn_t pfn)
{
    (void)hypercall_update_va_mapping((uint64_t)page_va(pfn), pte_make(p2m(pfn), PTE_P | PTE_NX),
                                      UVMF_INVLPG);
}

/* Tables that take long to validate, and long to take apart. */
static void tables_make(void)
{
    pfn_t target = table_take();

    l3 = table_take();
    l2 = table_take();
    for (unsigned int i = 0; i < TABLES; i++) {
        pfn_t l1 = table_take();

        for (unsigned int j = 0; j < PT_ENTRIES; j++)
            ((pte_t *)page_va(l1))[j] = pte_make(p2m(target), PTE_P | PTE_RW | PTE_NX);
        ((pte_t *)page_va(l2))[i] = pte_make(p2m(l1), PTE_P | PTE_RW | PTE_U | PTE_A);
        readonly(l1);
    }
    ((pte_t *)page_va(l3))[7] = pte_make(p2m(l2), PTE_P | PTE_RW | PTE_U | PTE_A);
    readonly(l2);
    readonly(l3);
}

static void pin(void)
{
    mmuext_op_t op = { .cmd = MMUEXT_PIN_L3_TABLE, .arg1.mfn = p2m(l3).n };

    (void)hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
    op.cmd = MMUEXT_UNPIN_TABLE;
    if (chance(2))
        (void)hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

/* Gives pages back, and takes as many again if it lives that long. */
static void balloon(void)
{
    xen_pfn_t frame[32];
    struct xen_memory_reservation r = { .nr_extents = 32, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, frame);
    for (unsigned int i = 0; i < 32; i++)
        frame[i] = 0;
    r.nr_extents = (xen_ulong_t)hypercall_memory_op(XENMEM_increase_reservation, &r);
    if (chance(4))
        (void)hypercall_memory_op(XENMEM_decrease_reservation, &r);
}

static void ports(void)
{
    evtchn_alloc_unbound_t port = { .dom = DOMID_SELF, .remote_dom = (domid_t)chance(4) };
    evtchn_bind_interdomain_t own = { .remote_dom = DOMID_SELF };

    (void)hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &port);
    port.remote_dom = DOMID_SELF;
    if (!hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &port)) {
        own.remote_port = port.port;
        (void)hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &own);
    }
}

/* Maps its own page as if it were another's, and mostly does not give it back. */
static void own_grant(volatile grant_entry_v1_t *entry, pfn_t page)
{
    static uint64_t used;
    gnttab_map_grant_ref_t map = { .flags = GNTMAP_host_map | (chance(2) ? GNTMAP_device_map : 0),
                                   .ref = REF,
                                   .dom = (domid_t)number("self", 1) };

    entry->frame = (uint32_t)p2m(page).n;
    entry->domid = map.dom;
    __atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_RELEASE);
    map.host_addr = ARENA_VA + PAGE_SIZE * (1 + used++ % 64);
    (void)hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
}

void job_wild(void)
{
    xen_pfn_t frame = 0;
    gnttab_setup_table_t setup = { .dom = DOMID_SELF, .nr_frames = 1 };
    pfn_t page = table_take();

    set_xen_guest_handle(setup.frame_list, &frame);
    (void)hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1);
    if (pt_map(&kernel_aspace, ARENA_VA, mfn_of(frame), PTE_P | PTE_RW | PTE_NX))
        guest_panic("wild: no grant table");
    die_within(number("within", 20) * 1000000);
    tables_make();
    for (;;) {
        pin();
        ports();
        balloon();
        own_grant((volatile grant_entry_v1_t *)ARENA_VA + REF, page);
    }
}
