/* SPDX-License-Identifier: MIT */
/* Grants of a domain to itself, by a kernel that asks for version 2 first and falls back to 1. */
#include "odd.h"

#include <xen/grant_table.h>

#define REF      20u
#define REF_GONE 21u
#define VALUE    0x5eed5eed5eedul

static grant_entry_v1_t table[PAGE_SIZE / sizeof(grant_entry_v1_t)] __attribute__((aligned(4096)));
static volatile uint64_t given[512] __attribute__((aligned(4096)));
static volatile uint64_t window[512] __attribute__((aligned(4096)));

static long grant_op(unsigned cmd, void *arg)
{
    return hypercall(__HYPERVISOR_grant_table_op, cmd, (uint64_t)arg, 1, 0);
}

/* A port that is unbound for DOMID_SELF knows our number. */
static domid_t own_id(void)
{
    evtchn_alloc_unbound_t port = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
    evtchn_status_t status = { .dom = DOMID_SELF };
    evtchn_close_t close;

    MUST(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, (uint64_t)&port, 0, 0));
    status.port = close.port = port.port;
    MUST(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_status, (uint64_t)&status, 0, 0));
    MUST(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_close, (uint64_t)&close, 0, 0));
    return status.u.unbound.dom;
}

static void table_map(void)
{
    gnttab_set_version_t version = { .version = 2 };
    gnttab_query_size_t size = { .dom = DOMID_SELF };
    uint64_t frame = 0;
    gnttab_setup_table_t setup = { .dom = DOMID_SELF, .nr_frames = 1 };
    long rc = grant_op(GNTTABOP_set_version, &version);

    say("version 2: %ld, it is %u", rc, version.version);
    if (rc) {
        version.version = 1;
        say("version 1: %ld", grant_op(GNTTABOP_set_version, &version));
    }
    MUST(grant_op(GNTTABOP_query_size, &size));
    say("frames of a grant table: at most %u", size.max_nr_frames);
    say("size: status %ld, at least one frame: %s", (long)size.status,
        size.nr_frames >= 1 && size.max_nr_frames >= size.nr_frames ? "yes" : "no");
    set_xen_guest_handle(setup.frame_list, (void *)&frame);
    MUST(grant_op(GNTTABOP_setup_table, &setup));
    say("table: status %ld", (long)setup.status);
    MUST(hypercall(__HYPERVISOR_update_va_mapping, (uint64_t)table, frame << PAGE_SHIFT | 7,
                   UVMF_INVLPG, 0));
}

static long map_from(domid_t dom, unsigned ref, unsigned flags, gnttab_map_grant_ref_t *op)
{
    *op = (gnttab_map_grant_ref_t){
        .host_addr = (uint64_t)window, .flags = flags, .ref = ref, .dom = dom
    };
    MUST(grant_op(GNTTABOP_map_grant_ref, op));
    return op->status;
}

static long unmap(uint32_t handle)
{
    gnttab_unmap_grant_ref_t op = { .host_addr = (uint64_t)window, .handle = handle };

    MUST(grant_op(GNTTABOP_unmap_grant_ref, &op));
    return op.status;
}

static void window_write(void)
{
    window[1] = VALUE + 1;
}

void self_grants(void)
{
    gnttab_map_grant_ref_t op;
    domid_t self = own_id();
    long first, second;

    table_map();
    table[REF].frame = (uint32_t)mfn_of_va((void *)given).n;
    table[REF].domid = self;
    __atomic_store_n(&table[REF].flags, GTF_permit_access, __ATOMIC_SEQ_CST);
    given[0] = VALUE;
    MUST(hypercall(__HYPERVISOR_update_va_mapping, (uint64_t)window, 0, UVMF_INVLPG, 0));
    say("map from DOMID_SELF: %ld", map_from(DOMID_SELF, REF, GNTMAP_host_map, &op));
    say("map: %ld", map_from(self, REF, GNTMAP_host_map, &op));
    say("seen: %s, entry in use: %x", window[0] == VALUE ? "yes" : "no", table[REF].flags);
    attempt("write", window_write);
    say("arrived: %s", given[1] == VALUE + 1 ? "yes" : "no");
    first = unmap(op.handle);
    second = unmap(op.handle);
    say("unmap: %ld, again %ld, entry %x", first, second, table[REF].flags);
    attempt("write", window_write);
    say("map read-only: %ld", map_from(self, REF, GNTMAP_host_map | GNTMAP_readonly, &op));
    attempt("write", window_write);
    first = unmap(op.handle);
    say("unmap: %ld, entry %x", first, table[REF].flags);
    say("map what was not granted: %ld", map_from(self, REF_GONE, GNTMAP_host_map, &op));
    say("map beyond the table: %ld", map_from(self, 100000, GNTMAP_host_map, &op));
    say("map to nowhere: %ld", map_from(self, REF, 0, &op));
}
