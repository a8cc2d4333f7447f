/*
 * SPDX-License-Identifier: MIT
 *
 * homes.h - the domains that exist, and their parts of the tree.
 *
 * What a toolstack writes for a new domain is written here, with the permissions a guest relies on.
 */
#ifndef STORE_HOMES_H
#define STORE_HOMES_H

#include <abi/abi.h>

/* What is known of a domain when it comes; 0 where it has none. */
struct domain_facts {
    domid_t domid;
    char name[64];
    xen_domain_handle_t handle;
    uint64_t memory_kib, max_memory_kib;
    uint32_t vcpus;
    uint64_t store_frame, console_frame;
    evtchn_port_t store_port, console_port;
};

/* Result: 0; -XEN_EEXIST; -XEN_ENOSPC: more than STORE_DOMAINS; -XEN_ENOMEM. */
int domain_introduce(const struct domain_facts *facts);

/* It shut down: @releaseDomain, once.  Result: true if that was news. */
bool domain_shut_down(domid_t domid);

/* Writes control/shutdown of a domain that is known, which watches it.  Result: as store_change. */
int domain_ask_shutdown(domid_t domid, const char *how);

/* It is gone: everything it owned goes, and @releaseDomain is told. */
void domain_release(domid_t domid);

bool domain_known(domid_t domid);

#endif
