/* SPDX-License-Identifier: MIT */
/* Jobs of the initial domain: it ends others, or waits for so many ends. */
#define __XEN_TOOLS__ /* xen/sysctl.h insists on it, before any other header of the ABI */
#include "domains.h"

#include "clock.h"
#include "guest.h"
#include "hypercall.h"
#include "kprint.h"

#include <xen/sysctl.h>

#define DOMAINS 16u
#define MS      1000000ul

static xen_domctl_getdomaininfo_t list[DOMAINS];

static unsigned int list_read(void)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_getdomaininfolist,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
                             .u.getdomaininfolist = { .first_domain = 1, .max_domains = DOMAINS } };

    set_xen_guest_handle(op.u.getdomaininfolist.buffer, list);
    if (hypercall_sysctl(&op))
        guest_panic("no list of domains");
    return op.u.getdomaininfolist.num_domains;
}

/* rounds=N times: waits a moment, then ends one of the others. */
void job_kill(void)
{
    uint64_t rounds = number("rounds", 20), done = 0;

    while (done < rounds) {
        unsigned int n;

        clock_sleep(chance(number("within", 4) * MS));
        n = list_read();
        sched_remote_shutdown_t end = { .domain_id = n ? list[chance(n)].domain : 0,
                                        .reason = chance(2) ? SHUTDOWN_reboot : SHUTDOWN_crash };

        if (n && !hypercall_sched_op(SCHEDOP_remote_shutdown, &end))
            done++;
    }
    kprint("kill: ended=%lu\n", done);
}

/* Until domains have ended, and been made again, rounds=N times. */
void job_watch(void)
{
    domid_t last = 0;
    uint64_t made = 0;

    while (made < number("rounds", 20)) {
        unsigned int n;

        clock_sleep(MS);
        n = list_read();
        for (unsigned int i = 0; i < n; i++) {
            if (list[i].domain <= last)
                continue;
            last = list[i].domain;
            made++;
        }
    }
    kprint("watch: made=%lu\n", made);
}
