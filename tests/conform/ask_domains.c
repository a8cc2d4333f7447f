/* SPDX-License-Identifier: MIT */
/* ask_domains.c - what the initial domain is told of domains: their list, parameters of a PV one. */
#define __XEN_TOOLS__ /* xen/sysctl.h insists on it, before any other header of the ABI */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "hypercall.h"

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/sysctl.h>

#define INFOS 3u

static struct xen_sysctl list_op(uint32_t first, uint32_t max, void *buffer)
{
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_getdomaininfolist,
        .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
        .u.getdomaininfolist = { .first_domain = (domid_t)first, .max_domains = max },
    };

    op.u.getdomaininfolist.num_domains = 99;
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, buffer);
    return op;
}

static void lists(void)
{
    static const uint32_t firsts[] = { 0, 1, 0x7fef, 0x7ff0, 0xffff }, maxima[] = { 0, 1, INFOS };
    static xen_domctl_getdomaininfo_t infos[INFOS];
    struct xen_sysctl op;

    for (unsigned int i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        for (unsigned int k = 0; k < sizeof(maxima) / sizeof(maxima[0]); k++) {
            op = list_op(firsts[i], maxima[k], infos);
            infos[0].domain = 0x1234;
            ask("domains/list/from-%x/max-%u", firsts[i], maxima[k]);
            tell_rc(hypercall_sysctl(&op));
            tell("found=%u", op.u.getdomaininfolist.num_domains);
            tell("first=%x", infos[0].domain);
            told();
        }
    }
    op = list_op(0, 1, infos);
    ask("domains/list/self");
    tell_rc(hypercall_sysctl(&op));
    tell("flags=%x", infos[0].flags);
    tell("online=%u", infos[0].nr_online_vcpus);
    tell("highest=%u", infos[0].max_vcpu_id);
    told();
    op = list_op(0, 1, (void *)HV_VA_START);
    ask("domains/list/to-nowhere");
    tell_rc(hypercall_sysctl(&op));
    tell("found=%u", op.u.getdomaininfolist.num_domains);
    told();
}

/* A PV domain has none of them, whoever asks. */
static void params(void)
{
    static const uint32_t domids[] = { 0, 1, 0x7fef, DOMID_SELF, DOMID_IO, DOMID_XEN };
    static const uint32_t indices[] = { HVM_PARAM_CALLBACK_IRQ, HVM_PARAM_STORE_PFN,
                                        HVM_PARAM_STORE_EVTCHN, HVM_PARAM_CONSOLE_PFN,
                                        HVM_NR_PARAMS,          ~0u };

    for (unsigned int i = 0; i < sizeof(domids) / sizeof(domids[0]); i++) {
        for (unsigned int k = 0; k < sizeof(indices) / sizeof(indices[0]); k++) {
            struct xen_hvm_param param = { .domid = (domid_t)domids[i], .index = indices[k] };

            ask("domains/param/of-%x/%x", domids[i], indices[k]);
            tell_rc(hypercall_hvm_op(HVMOP_get_param, &param));
            told();
        }
    }
    ask("domains/param/nowhere");
    tell_rc(hypercall_hvm_op(HVMOP_get_param, (void *)HV_VA_START));
    told();
}

void ask_domains(void)
{
    lists();
    params();
}
