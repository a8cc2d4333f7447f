/* SPDX-License-Identifier: MIT */
/*
 * Where the facts go: console_io for the initial domain. Another domain finds the page of its console
 * ring, and the store's, by asking the M2P for the frame that start_info names, as old kernels do.
 */
#include "odd.h"

static uint64_t m2p(uint64_t mfn)
{
    return ((const volatile uint64_t *)M2P_VA_START)[mfn];
}

static void *page_of_frame(uint64_t mfn)
{
    return (void *)(virt_base + (m2p(mfn) << PAGE_SHIFT));
}

static void ring_write(const char *text, unsigned bytes)
{
    struct xencons_interface *ring = page_of_frame(start_info->console.domU.mfn);
    evtchn_send_t send = { .port = start_info->console.domU.evtchn };
    uint32_t prod = ring->out_prod;

    for (unsigned i = 0; i < bytes; i++) {
        while (prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) >= sizeof(ring->out))
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
        ring->out[MASK_XENCONS_IDX(prod, ring->out)] = text[i];
        prod++;
        __atomic_store_n(&ring->out_prod, prod, __ATOMIC_RELEASE);
    }
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uint64_t)&send, 0, 0);
}

void console_write(const char *text, unsigned bytes)
{
    if (start_info->flags & SIF_INITDOMAIN)
        hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, bytes, (uint64_t)text, 0);
    else
        ring_write(text, bytes);
}

void console_rings(void)
{
    const struct xenstore_domain_interface *store;
    evtchn_status_t status = { .dom = DOMID_SELF };

    if (start_info->flags & SIF_INITDOMAIN)
        return;
    store = page_of_frame(start_info->store_mfn);
    say("store ring: requests %u %u, answers %u %u", store->req_cons, store->req_prod,
        store->rsp_cons, store->rsp_prod);
    status.port = (evtchn_port_t)start_info->store_evtchn;
    MUST(hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_status, (uint64_t)&status, 0, 0));
    say("store port: %s",
        status.status == EVTCHNSTAT_unbound || status.status == EVTCHNSTAT_interdomain ? "there"
                                                                                       : "closed");
}
