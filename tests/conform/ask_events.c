/*
 * SPDX-License-Identifier: MIT
 *
 * ask_events.c - event channels in every state, polling, watchdogs.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"

#include "hypercall.h"

static long event(unsigned int cmd, void *arg)
{
    return hypercall_event_channel_op(cmd, arg);
}

static void no_ports(void)
{
    static const unsigned int ports[] = { 0, 500, 4095, 4096, 0x20000, 0xffffffff };

    for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        ask("event/port-%x", ports[i]);
        tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ ports[i] }));
        tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ ports[i] }));
        tell_rc(event(EVTCHNOP_unmask, &(struct evtchn_unmask){ ports[i] }));
        tell_rc(event(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ ports[i], 0 }));
        tell_rc(event(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ ports[i], 1 }));
        tell_rc(event(EVTCHNOP_set_priority, &(struct evtchn_set_priority){ ports[i], 3 }));
        told();
    }
}

static void virqs(void)
{
    for (unsigned int virq = 0; virq < 26; virq++)
        for (unsigned int vcpu = 0; vcpu < 2; vcpu++) {
            struct evtchn_bind_virq bind = { .virq = virq, .vcpu = vcpu };
            long rc;

            if (virq == VIRQ_TIMER || virq == VIRQ_CONSOLE)
                continue; /* the library's */
            ask("event/virq/%u/%u", virq, vcpu);
            rc = event(EVTCHNOP_bind_virq, &bind);
            tell_rc(rc);
            tell_rc(event(EVTCHNOP_bind_virq, &(struct evtchn_bind_virq){ virq, vcpu, 0 }));
            if (!rc) {
                struct evtchn_status status = { .dom = DOMID_SELF, .port = bind.port };

                tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ bind.port }));
                tell_rc(event(EVTCHNOP_status, &status));
                tell("status=%u vcpu=%u virq=%u", status.status, status.vcpu, status.u.virq);
                tell_rc(event(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ bind.port, 0 }));
                tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ bind.port }));
            }
            told();
        }
}

static void channels(void)
{
    static const domid_t doms[] = { DOMID_SELF, 0, 1, DOMID_IO, DOMID_XEN, DOMID_INVALID, 0xffff };

    for (unsigned int i = 0; i < sizeof(doms) / sizeof(doms[0]); i++)
        for (unsigned int j = 0; j < sizeof(doms) / sizeof(doms[0]); j++) {
            struct evtchn_alloc_unbound alloc = { .dom = doms[i], .remote_dom = doms[j] };
            struct evtchn_status status = { .dom = DOMID_SELF };
            long rc;

            ask("event/alloc/%x/%x", doms[i], doms[j]);
            rc = event(EVTCHNOP_alloc_unbound, &alloc);
            tell_rc(rc);
            if (!rc) {
                struct evtchn_bind_interdomain bind = { .remote_dom = doms[j],
                                                        .remote_port = alloc.port };

                status.port = alloc.port;
                tell_rc(event(EVTCHNOP_status, &status));
                tell("status=%u dom=%x", status.status, status.u.unbound.dom);
                tell_rc(event(EVTCHNOP_send, &(struct evtchn_send){ alloc.port }));
                rc = event(EVTCHNOP_bind_interdomain, &bind);
                tell_rc(rc);
                if (!rc) {
                    tell_rc(event(EVTCHNOP_status, &status));
                    tell("status=%u dom=%x peer=%u", status.status, status.u.interdomain.dom,
                         status.u.interdomain.port == bind.local_port);
                    tell_rc(event(EVTCHNOP_bind_interdomain, &bind));
                    tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ bind.local_port }));
                    tell_rc(event(EVTCHNOP_status, &status));
                    tell("status=%u", status.status);
                }
                tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ alloc.port }));
            }
            told();
        }
}

static void ipis(void)
{
    for (unsigned int vcpu = 0; vcpu < 3; vcpu++) {
        struct evtchn_bind_ipi bind = { .vcpu = vcpu };
        long rc = event(EVTCHNOP_bind_ipi, &bind);

        ask("event/ipi/%u", vcpu);
        tell_rc(rc);
        if (!rc) {
            struct evtchn_status status = { .dom = DOMID_SELF, .port = bind.port };

            tell_rc(event(EVTCHNOP_status, &status));
            tell("status=%u vcpu=%u", status.status, status.vcpu);
            tell_rc(event(EVTCHNOP_bind_vcpu, &(struct evtchn_bind_vcpu){ bind.port, 0 }));
            tell_rc(event(EVTCHNOP_close, &(struct evtchn_close){ bind.port }));
        }
        told();
    }
}

static void scheduler(void)
{
    static const unsigned int counts[] = { 0, 1, 128, 129, 0xffffffff };
    static evtchn_port_t ports[130];

    for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        for (unsigned int p = 0; p < 3; p++) {
            struct sched_poll poll = { .nr_ports = counts[i], .timeout = 1 };
            static const uint64_t at[] = { 0, HV_VA_START };

            set_xen_guest_handle(poll.ports, p == 2 ? ports : (void *)at[p]);
            ask("event/poll/%x/%u", counts[i], p);
            tell_rc(hypercall_sched_op(SCHEDOP_poll, &poll));
            told();
        }
    for (unsigned int i = 0; i < 5; i++) {
        static const evtchn_port_t odd[] = { 0, 30, 700, 4096, 0xffffffff };
        struct sched_poll poll = { .nr_ports = 1, .timeout = 1 };

        ports[0] = odd[i];
        set_xen_guest_handle(poll.ports, ports);
        ask("event/poll/port-%x", odd[i]);
        tell_rc(hypercall_sched_op(SCHEDOP_poll, &poll));
        told();
    }
    for (unsigned int id = 0; id < 5; id++) {
        struct sched_watchdog dog = { .id = id };

        if (!id)
            dog.timeout = 1000;
        ask("event/watchdog/%u", id);
        tell_rc(hypercall_sched_op(SCHEDOP_watchdog, &dog));
        told();
    }
    for (unsigned int id = 1; id < 3; id++)
        (void)hypercall_sched_op(SCHEDOP_watchdog, &(struct sched_watchdog){ .id = id });
    for (unsigned int i = 0; i < 4; i++) {
        static const domid_t doms[] = { 1, 0x7fef, DOMID_INVALID, DOMID_IDLE };
        struct sched_remote_shutdown remote = { .domain_id = doms[i] };

        ask("event/remote_shutdown/%x", doms[i]);
        tell_rc(hypercall_sched_op(SCHEDOP_remote_shutdown, &remote));
        told();
    }
}

void ask_events(void)
{
    no_ports();
    virqs();
    channels();
    ipis();
    scheduler();
}
