/*
 * SPDX-License-Identifier: MIT
 *
 * link.c - see link.h; the only file of the store that makes hypercalls.
 *
 * A domain's page is its grant entry GNTTAB_RESERVED_XENSTORE, mapped at an address of its slot;
 * its port was made for this domain, unbound.  The initial domain has neither, and is known anyway.
 */
#define __XEN_TOOLS__ /* sysctl.h insists on it */
#include "link.h"

#include "client.h"
#include "homes.h"

#include "console.h"
#include "events.h"
#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/pt_update.h"

#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/sysctl.h>

#include <stdio.h>
#include <string.h>

struct link {
    bool used;
    bool listed; /* in the list that is being looked through */
    bool said;   /* that it broke the rules: once is enough */
    domid_t domid;
    struct client *client; /* NULL: it has no ring */
    evtchn_port_t port;
    grant_handle_t handle;
};

static struct link links[STORE_DOMAINS];
static volatile bool changed = true; /* domains came or went */
static volatile bool woken;

static void *link_va(const struct link *link)
{
    return (void *)(ARENA_VA + (uint64_t)(link - links) * PAGE_SIZE);
}

static void on_change(evtchn_port_t port)
{
    (void)port;
    changed = woken = true;
}

static void on_ring(evtchn_port_t port)
{
    (void)port;
    woken = true;
}

int links_init(void)
{
    int port = event_bind_virq(VIRQ_DOM_EXC, on_change);

    return port < 0 ? port : 0;
}

static uint64_t param(domid_t domid, uint32_t index)
{
    struct xen_hvm_param param = { .domid = domid, .index = index };

    return hypercall_hvm_op(HVMOP_get_param, &param) ? 0 : param.value;
}

static int page_map(struct link *link)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = (uint64_t)link_va(link),
        .flags = GNTMAP_host_map,
        .ref = GNTTAB_RESERVED_XENSTORE,
        .dom = link->domid,
    };
    int error = pt_tables_ensure(&kernel_aspace, map.host_addr, 1, NULL);
    long rc = error ? error : hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);

    if (rc || map.status != GNTST_okay) {
        printf("store: d%u: page not mapped: %ld, %d\n", link->domid, rc, map.status);
        return rc ? (int)rc : -XEN_EINVAL;
    }
    link->handle = map.handle;
    return 0;
}

static void page_unmap(const struct link *link)
{
    struct gnttab_unmap_grant_ref unmap = {
        .host_addr = (uint64_t)link_va(link),
        .handle = link->handle,
    };

    (void)hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
}

static int port_bind(struct link *link, evtchn_port_t remote)
{
    struct evtchn_bind_interdomain bind = { .remote_dom = link->domid, .remote_port = remote };
    long rc = hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind);

    if (rc) {
        printf("store: d%u: port %u not bound: %ld\n", link->domid, remote, rc);
        return (int)rc;
    }
    link->port = bind.local_port;
    return event_bind(link->port, on_ring);
}

/* The ring of a domain that has one.  Result: 0 or an error, nothing held. */
static int link_connect(struct link *link, evtchn_port_t remote)
{
    int error = page_map(link);

    if (error)
        return error;
    error = port_bind(link, remote);
    if (!error)
        link->client = account_alloc(NULL, sizeof(*link->client));
    if (!link->client) {
        if (link->port)
            event_unbind(link->port);
        page_unmap(link);
        return error ? error : -XEN_ENOMEM;
    }
    client_open(link->client, link->domid, link_va(link));
    return 0;
}

static void link_drop(struct link *link)
{
    if (link->client) {
        client_close(link->client);
        account_free(link->client);
        event_unbind(link->port);
        page_unmap(link);
    }
    domain_release(link->domid);
    memset(link, 0, sizeof(*link));
}

/* The builder puts the beginning of the name into the handle, before two bytes of number. */
static void facts_name(struct domain_facts *facts)
{
    size_t length = strnlen((const char *)facts->handle, 14);

    for (size_t i = 0; i < length; i++)
        if (facts->handle[i] <= ' ' || facts->handle[i] > '~')
            length = 0;
    if (length)
        memcpy(facts->name, facts->handle, length);
    else
        (void)snprintf(facts->name, sizeof(facts->name), "Domain-%u", facts->domid);
}

static void link_take(struct link *link, const struct xen_domctl_getdomaininfo *info)
{
    struct domain_facts facts = {
        .domid = info->domain,
        .memory_kib = info->tot_pages * (PAGE_SIZE / 1024),
        .max_memory_kib = info->max_pages * (PAGE_SIZE / 1024),
        .vcpus = info->max_vcpu_id + 1,
    };
    int error;

    memcpy(facts.handle, info->handle, sizeof(facts.handle));
    facts_name(&facts);
    facts.store_frame = param(facts.domid, HVM_PARAM_STORE_PFN);
    facts.store_port = (evtchn_port_t)param(facts.domid, HVM_PARAM_STORE_EVTCHN);
    facts.console_frame = param(facts.domid, HVM_PARAM_CONSOLE_PFN);
    facts.console_port = (evtchn_port_t)param(facts.domid, HVM_PARAM_CONSOLE_EVTCHN);
    link->domid = facts.domid;
    link->used = true;
    link->listed = true;
    /* Its part of the tree is there before its first request is read. */
    error = domain_introduce(&facts);
    if (!error && facts.store_port)
        error = link_connect(link, facts.store_port);
    printf("store: d%u (%s) %s\n", facts.domid, facts.name,
           error              ? "cannot be served"
           : facts.store_port ? "is served"
                              : "has no ring");
}

static struct link *link_find(domid_t domid)
{
    struct link *free = NULL;

    for (struct link *link = links; link < links + STORE_DOMAINS; link++) {
        if (link->used && link->domid == domid)
            return link;
        if (!link->used && !free)
            free = link;
    }
    return free;
}

/* Up to a handful of domains from `first` on.  Result: how many; the list is static data. */
static uint32_t domain_list(domid_t first, struct xen_domctl_getdomaininfo **list)
{
    static struct xen_domctl_getdomaininfo info[8];
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_getdomaininfolist,
        .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
        .u.getdomaininfolist = { .first_domain = first, .max_domains = 8, .buffer.p = info },
    };
    long rc = hypercall_sysctl(&op);

    if (rc)
        guest_panic("no list of domains: %ld", rc);
    *list = info;
    return op.u.getdomaininfolist.num_domains;
}

static void link_look(const struct xen_domctl_getdomaininfo *info)
{
    struct link *link = link_find(info->domain);

    if (!link || info->flags & (XEN_DOMINF_dying | XEN_DOMINF_xs_domain))
        return;
    if (!link->used && !(info->flags & XEN_DOMINF_shutdown))
        link_take(link, info);
    if (!link->used)
        return;
    link->listed = true;
    if (info->flags & XEN_DOMINF_shutdown)
        (void)domain_shut_down(info->domain);
}

void links_scan(void)
{
    struct xen_domctl_getdomaininfo *list;
    uint32_t count;
    domid_t next = 0;

    woken = false;
    if (!changed)
        return;
    changed = false;
    for (unsigned int i = 0; i < STORE_DOMAINS; i++)
        links[i].listed = false;
    while ((count = domain_list(next, &list)) != 0) {
        for (uint32_t i = 0; i < count; i++)
            link_look(&list[i]);
        next = list[count - 1].domain + 1;
    }
    for (unsigned int i = 0; i < STORE_DOMAINS; i++)
        if (links[i].used && !links[i].listed)
            link_drop(&links[i]);
}

bool links_step(void)
{
    bool moved = false;

    for (struct link *link = links; link < links + STORE_DOMAINS; link++) {
        struct evtchn_send send = { .port = link->port };

        if (!link->client)
            continue;
        if (!client_step(link->client))
            continue;
        moved = true;
        (void)hypercall_event_channel_op(EVTCHNOP_send, &send);
        if (link->client->failed && !link->said)
            printf("store: d%u broke the rules of its ring: error %u\n", link->domid,
                   (unsigned int)((struct xenstore_domain_interface *)link_va(link))->error);
        link->said |= link->client->failed;
    }
    return moved;
}

void links_yield(void)
{
    (void)hypercall_sched_op(SCHEDOP_yield, NULL);
}

void links_wait(void)
{
    bool masked = events_mask();

    if (woken || console_ready())
        events_restore(masked);
    else
        events_wait();
}
