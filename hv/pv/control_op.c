/* SPDX-License-Identifier: MIT */
/*
 * The control interfaces, as far as there is something behind them: the initial domain and the store
 * learn which domains there are (sysctl getdomaininfolist) and where a domain's rings are (hvm_op
 * get_param). All others get the refusals that a guest's probe gets on Xen.
 *
 * Invariant: checked in the order that the ABI promises: copy, interface version, privilege,
 * operation.
 */
#include <stdint.h>

#define __XEN_TOOLS__ /* the control interfaces' headers insist on it */
#include <xen/domctl.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/sysctl.h>

#include "dom/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

/* Copies the request and checks the version that it is made for. */
static long request_read(const char *name, uint64_t va, void *op, size_t bytes, size_t version_at,
                         uint32_t version)
{
    uint32_t given;

    if (guest_read(op, va, bytes))
        return refused(name, -EFAULT, "argument-unreadable");
    memcpy(&given, (char *)op + version_at, sizeof(given));
    return given == version ? 0 : refused(name, -EACCES, "interface-version");
}

static long left_out(const char *name)
{
    return domain_current()->initial ? refused(name, -ENOSYS, "control-op-left-out")
                                     : refused(name, -EPERM, "privileged");
}

long hc_domctl(uint64_t va, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct xen_domctl op;
    long rc = request_read("domctl", va, &op, sizeof(op),
                           offsetof(struct xen_domctl, interface_version),
                           XEN_DOMCTL_INTERFACE_VERSION);

    (void)a2, (void)a3, (void)a4, (void)a5;
    return rc ? rc : left_out("domctl");
}

/* ---- which domains there are ---- */

/* True for those that look after others: the initial domain and the store. */
static bool watches_domains(const struct domain *d)
{
    return d->initial || d->store;
}

static uint64_t time_run(const struct vcpu *v)
{
    uint64_t now = system_time(), ns = v->runstate.time[RUNSTATE_running];

    if (v->runstate.state == RUNSTATE_running && now > v->runstate.state_entry_time)
        ns += now - v->runstate.state_entry_time;
    return ns;
}

static void info_fill(xen_domctl_getdomaininfo_t *info, const struct domain *d)
{
    uint32_t flags = XEN_DOMINF_blocked;

    memset(info, 0, sizeof(*info));
    info->domain = d->id;
    for (unsigned i = 0; i < d->vcpus; i++) {
        const struct vcpu *v = d->vcpu[i];

        info->cpu_time += time_run(v);
        if (v->state == VCPU_DOWN)
            continue;
        info->nr_online_vcpus++;
        if (v->state != VCPU_BLOCKED)
            flags &= ~XEN_DOMINF_blocked;
        if (v->runstate.state == RUNSTATE_running)
            flags |= XEN_DOMINF_running;
    }
    info->flags = (info->nr_online_vcpus ? flags : 0) | (d->store ? XEN_DOMINF_xs_domain : 0) |
                  (d->owner.dying ? XEN_DOMINF_dying : 0);
    info->flags |= (d->shut_down ? XEN_DOMINF_shutdown : 0) | d->shutdown_reason
                                                                  << XEN_DOMINF_shutdownshift;
    info->max_vcpu_id = d->vcpus - 1;
    info->tot_pages = d->owner.pages;
    info->max_pages = d->owner.max_pages;
    info->shared_info_frame = d->shared_mfn.n;
    memcpy(info->handle, d->handle, sizeof(info->handle));
}

static long domain_info_list(struct xen_sysctl_getdomaininfolist *list)
{
    uint32_t n = 0;

    for (const struct domain *d = domain_list; d && n < list->max_domains; d = d->next) {
        xen_domctl_getdomaininfo_t info;

        if (d->id < list->first_domain || !domain_complete(d))
            continue;
        info_fill(&info, d);
        if (guest_write((uint64_t)list->buffer.p + n * sizeof(info), &info, sizeof(info)))
            return refused("sysctl getdomaininfolist", -EFAULT, "buffer-unwritable");
        n++;
    }
    list->num_domains = n;
    return 0;
}

long hc_sysctl(uint64_t va, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct xen_sysctl op;
    long rc = request_read("sysctl", va, &op, sizeof(op),
                           offsetof(struct xen_sysctl, interface_version),
                           XEN_SYSCTL_INTERFACE_VERSION);

    (void)a2, (void)a3, (void)a4, (void)a5;
    if (rc)
        return rc;
    if (op.cmd != XEN_SYSCTL_getdomaininfolist || !watches_domains(domain_current()))
        return left_out("sysctl");
    rc = domain_info_list(&op.u.getdomaininfolist);
    if (!rc && guest_write(va, &op, sizeof(op)))
        rc = refused("sysctl getdomaininfolist", -EFAULT, "argument-unwritable");
    return rc;
}

/* ---- where its store ring is, and its console ---- */

/* On Xen no PV domain has these parameters: the answer for all that is not the store's to know. */
static long param_get(struct xen_hvm_param *p)
{
    const struct domain *d = domain_find(p->domid);

    if (p->index >= HVM_NR_PARAMS)
        return refused("hvm_op get_param", -EINVAL, "parameter-unknown");
    if (!d)
        return refused("hvm_op get_param", -ESRCH, "domain-unknown");
    if (d == domain_current() || !d->store_port || !watches_domains(domain_current()))
        return refused("hvm_op get_param", -EINVAL, "domain-is-not-hvm");
    switch (p->index) {
    case HVM_PARAM_STORE_PFN:
        p->value = d->store_mfn.n;
        return 0;
    case HVM_PARAM_STORE_EVTCHN:
        p->value = d->store_port;
        return 0;
    case HVM_PARAM_CONSOLE_PFN:
        p->value = d->console_mfn.n;
        return 0;
    case HVM_PARAM_CONSOLE_EVTCHN:
        p->value = d->console_port;
        return 0;
    default:
        return refused("hvm_op get_param", -EINVAL, "domain-is-not-hvm");
    }
}

long hc_hvm_op(uint64_t cmd, uint64_t va, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct xen_hvm_param p;
    long rc;

    (void)a3, (void)a4, (void)a5;
    if (cmd != HVMOP_get_param)
        return refused("hvm_op", -ENOSYS, "hvm-op-left-out");
    if (guest_read(&p, va, sizeof(p)))
        return refused("hvm_op get_param", -EFAULT, "argument-unreadable");
    rc = param_get(&p);
    if (!rc && guest_write(va, &p, sizeof(p)))
        rc = refused("hvm_op get_param", -EFAULT, "argument-unwritable");
    return rc;
}
