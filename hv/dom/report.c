/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor's keys say of domains: the states of their vCPUs, and their event channels.
 * It only reads. Caller: dom/console_input.c.
 */
#include "dom/console.h"
#include "dom/sched.h"
#include "lib/printk.h"

static const char *const state_name[] = {
    [VCPU_DOWN] = "down",
    [VCPU_RUNNABLE] = "runs",
    [VCPU_BLOCKED] = "blocked",
    [VCPU_STOPPED] = "stopped",
};

static void vcpu_report(const struct vcpu *v)
{
    const volatile vcpu_info_t *info = v->info;

    printk(LOG_ALWAYS, "  v%u %s%s: upcall %u, masked %u, rip %016lx, %lu ms run\n", v->id,
           state_name[v->state], v->polling ? ", polls" : "", info->evtchn_upcall_pending,
           info->evtchn_upcall_mask, v->regs.rip, v->runstate.time[RUNSTATE_running] / 1000000);
}

/* Each vCPU is told too: a kernel prints what it knows of itself then. */
void domains_report(void)
{
    for (const struct domain *d = domain_list; d; d = d->next) {
        printk(LOG_ALWAYS, "d%u (%s): %u of %u pages%s\n", d->id, d->name, d->owner.pages,
               d->owner.max_pages, d->shut_down ? ", has ended" : "");
        for (unsigned i = 0; i < d->vcpus; i++) {
            vcpu_report(d->vcpu[i]);
            evtchn_raise_virq(d->vcpu[i], VIRQ_DEBUG);
        }
    }
}

static void port_report(const struct domain *d, uint32_t port)
{
    static const char *const names[] = { "free", "unbound", "interdomain", "virq", "ipi", "ring" };
    const struct evtchn *e = &d->evtchn.port[port];
    const shared_info_t *s = d->shared;

    printk(LOG_ALWAYS, "  %u: %s d%u/%u, to v%u, pending %lu, masked %lu\n", port, names[e->state],
           e->remote_dom, e->remote_port, e->vcpu, s->evtchn_pending[port / 64] >> port % 64 & 1,
           s->evtchn_mask[port / 64] >> port % 64 & 1);
}

void ports_report(void)
{
    for (const struct domain *d = domain_list; d; d = d->next) {
        printk(LOG_ALWAYS, "d%u (%s): ports\n", d->id, d->name);
        for (uint32_t port = 1; port < d->evtchn.limit; port++)
            if (d->evtchn.port[port].state != EVTCHN_FREE)
                port_report(d, port);
    }
}
