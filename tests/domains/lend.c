/* SPDX-License-Identifier: MIT */
/*
 * Jobs of two domains that hold on to each other, by a granted page and an event channel, until one of
 * them dies.
 */
#include "domains.h"

#include "clock.h"
#include "events.h"
#include "guest.h"
#include "hypercall.h"
#include "kprint.h"
#include "mm/aspace.h"
#include "mm/layout.h"
#include "mm/p2m.h"
#include "mm/page.h"
#include "mm/pt_update.h"

#include <xen/grant_table.h>

#define REF     9u
#define CONTENT 0x6c656e746c656e74ul
#define PORTS   64u
#define MS      1000000ul

static void must(long rc, const char *what)
{
    if (rc)
        guest_panic("%s: %ld", what, rc);
}

static evtchn_status_t status_of(evtchn_port_t port)
{
    evtchn_status_t status = { .dom = DOMID_SELF, .port = port };

    must(hypercall_event_channel_op(EVTCHNOP_status, &status), "status");
    return status;
}

static void wait_for(evtchn_port_t port, uint32_t status)
{
    while (status_of(port).status != status)
        clock_sleep(MS);
}

/* The first frame of our grant table, mapped. */
static volatile grant_entry_v1_t *table_map(void)
{
    xen_pfn_t frame = 0;
    gnttab_setup_table_t setup = { .dom = DOMID_SELF, .nr_frames = 1 };

    set_xen_guest_handle(setup.frame_list, &frame);
    must(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), "setup_table");
    must(setup.status, "setup_table");
    must(pt_map(&kernel_aspace, ARENA_VA, mfn_of(frame), PTE_P | PTE_RW | PTE_NX), "table");
    return (grant_entry_v1_t *)ARENA_VA;
}

static volatile bool told;

static void on_told(evtchn_port_t port)
{
    (void)port;
    told = true;
}

/* Lends a page to=DOMID and leaves a port for it; ends once the borrower has it, or has ended. */
void job_lend(void)
{
    domid_t to = (domid_t)number("to", 2);
    evtchn_alloc_unbound_t port = { .dom = DOMID_SELF, .remote_dom = to };
    volatile grant_entry_v1_t *entry = table_map() + REF;
    pfn_t page = page_alloc_zero(PAGE_KERNEL);

    *(uint64_t *)page_va(page) = CONTENT;
    entry->domid = to;
    entry->frame = (uint32_t)p2m(page).n;
    __atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_RELEASE);
    must(hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &port), "alloc_unbound");
    must(event_bind(port.port, on_told), "event_bind");
    while (!told)
        clock_sleep(MS);
    if (!number("stay", 0))
        return;
    wait_for(port.port, EVTCHNSTAT_unbound);
    while (entry->flags & (GTF_reading | GTF_writing))
        clock_sleep(MS);
    kprint("lend: content=%lu peer=%u\n", *(volatile uint64_t *)page_va(page),
           status_of(port.port).u.unbound.dom);
}

/* The borrower's end of the lender's port, whichever that is. */
static evtchn_port_t port_find(domid_t from)
{
    for (;; clock_sleep(MS)) {
        for (evtchn_port_t remote = 1; remote < PORTS; remote++) {
            evtchn_bind_interdomain_t bind = { .remote_dom = from, .remote_port = remote };

            if (!hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind))
                return bind.local_port;
        }
    }
}

static int borrow(domid_t from, grant_handle_t *handle)
{
    gnttab_map_grant_ref_t map = {
        .host_addr = ARENA_VA, .flags = GNTMAP_host_map, .ref = REF, .dom = from
    };

    must(pt_tables_ensure(&kernel_aspace, ARENA_VA, 1, NULL), "tables");
    must(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1), "map");
    *handle = map.handle;
    return map.status;
}

/* Borrows the page of from=DOMID; ends with it, or (stay=1) when the lender has ended. */
void job_borrow(void)
{
    domid_t from = (domid_t)number("from", 1);
    volatile uint64_t *page = (uint64_t *)ARENA_VA;
    gnttab_unmap_grant_ref_t unmap = { .host_addr = ARENA_VA };
    grant_handle_t other;
    evtchn_send_t send;

    while (borrow(from, &unmap.handle) != GNTST_okay)
        clock_sleep(MS);
    send.port = port_find(from);
    page[1] = 1;
    must(hypercall_event_channel_op(EVTCHNOP_send, &send), "send");
    if (!number("stay", 0))
        return;
    wait_for(send.port, EVTCHNSTAT_unbound);
    clock_sleep(20 * MS);
    page[1]++;
    kprint("borrow: content=%lu writes=%lu peer=%u again=%d\n", page[0], page[1],
           status_of(send.port).u.unbound.dom, -borrow(from, &other));
    must(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1), "unmap");
    kprint("borrow: unmap=%d\n", -unmap.status);
    clock_sleep(20 * MS);
}
