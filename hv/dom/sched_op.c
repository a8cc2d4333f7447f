/* SPDX-License-Identifier: MIT */
/*
 * Hypercall sched_op: yield, block, poll, shutdown, watchdog.
 * Invariant: arguments are copied and checked before the vCPU's or the domain's state changes.
 */
#include "dom/sched.h"

#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "mm/refusal.h"

#define POLL_PORTS_MAX 128u
#define NS_PER_S       1000000000ull

static long refuse_sched(long err, const char *rule)
{
    return refuse((int)err, rule, MFN_NONE, 0);
}

static long op_block(struct vcpu *v)
{
    v->info->evtchn_upcall_mask = 0;
    sched_block();
    return 0;
}

/* Ends the caller's domain: does not return to it. */
static long op_shutdown(struct vcpu *v, uint64_t arg_va)
{
    sched_shutdown_t arg;

    if (guest_read(&arg, arg_va, sizeof(arg)))
        return refuse_sched(-EFAULT, "argument-unreadable");
    domain_shutdown(v->domain, (uint8_t)arg.reason);
    schedule();
    return 0;
}

/*
 * Goes through the ports once. 1: an error or a pending port ends the poll with *rc. 0: all of them
 * are quiet; *only is the one to wait for, EVTCHN_ANY for several or none.
 */
static bool poll_ports(const struct domain *d, const sched_poll_t *poll, uint32_t *only, long *rc)
{
    uint64_t va = (uint64_t)poll->ports.p;
    evtchn_port_t port = 0;

    for (unsigned i = 0; i < poll->nr_ports; i++) {
        if (guest_read(&port, va + i * sizeof(port), sizeof(port))) {
            *rc = refuse_sched(-EFAULT, "ports-unreadable");
            return true;
        }
        if (!evtchn_port_valid(d, port) || d->evtchn.port[port].state == EVTCHN_FREE) {
            *rc = refuse_sched(-EINVAL, "evtchn-port-invalid");
            return true;
        }
        if (evtchn_pending(d, port)) {
            *rc = 0;
            return true;
        }
    }
    *only = poll->nr_ports == 1 ? port : EVTCHN_ANY;
    return false;
}

static long op_poll(struct vcpu *v, uint64_t arg_va)
{
    sched_poll_t poll;
    long rc;

    if (guest_read(&poll, arg_va, sizeof(poll)))
        return refuse_sched(-EFAULT, "argument-unreadable");
    if (poll.nr_ports > POLL_PORTS_MAX)
        return refuse_sched(-EINVAL, "poll-too-many-ports");
    if (!guest_va_ok((uint64_t)poll.ports.p))
        return refuse_sched(-EFAULT, "ports-unreadable");
    if (evtchn_deliverable(v))
        return 0;
    if (poll_ports(v->domain, &poll, &v->poll_port, &rc))
        return rc;
    if (poll.timeout && poll.timeout <= system_time())
        return 0;
    v->polling = true;
    v->time.poll_deadline = poll.timeout;
    timer_arm(poll.timeout);
    v->state = VCPU_BLOCKED;
    schedule();
    return 0;
}

static long op_remote_shutdown(const struct vcpu *v, uint64_t arg_va)
{
    sched_remote_shutdown_t arg;
    struct domain *d;

    if (guest_read(&arg, arg_va, sizeof(arg)))
        return refuse_sched(-EFAULT, "argument-unreadable");
    d = domain_find(arg.domain_id);
    if (!d)
        return refuse_sched(-ESRCH, "domain-unknown");
    if (d == v->domain || !v->domain->initial)
        return refuse_sched(-EPERM, "domain-not-ours-to-end");
    domain_shutdown(d, (uint8_t)arg.reason);
    return 0;
}

static long op_shutdown_code(struct vcpu *v, uint64_t arg_va)
{
    sched_shutdown_t arg;

    if (guest_read(&arg, arg_va, sizeof(arg)))
        return refuse_sched(-EFAULT, "argument-unreadable");
    if (v->domain->shutdown_reason == DOMAIN_NO_REASON)
        v->domain->shutdown_reason = (uint8_t)arg.reason;
    return 0;
}

/* Two timers for a domain, numbered 1 and 2; 0 asks for a free one. A deadline of 0 means free. */
static long op_watchdog(struct vcpu *v, uint64_t arg_va)
{
    uint64_t *slot = v->domain->watchdog, deadline;
    sched_watchdog_t arg;
    long given = 0;

    if (guest_read(&arg, arg_va, sizeof(arg)))
        return refuse_sched(-EFAULT, "argument-unreadable");
    if (arg.id > 2)
        return refuse_sched(-EINVAL, "watchdog-unknown");
    deadline = system_time() + arg.timeout * NS_PER_S;
    if (arg.id == 0) {
        if (slot[0] && slot[1])
            return refuse_sched(-ENOSPC, "watchdog-none-free");
        arg.id = slot[0] ? 2 : 1;
        given = arg.id;
    } else if (!slot[arg.id - 1]) {
        return refuse_sched(-EINVAL, "watchdog-not-allocated");
    } else if (!arg.timeout) {
        deadline = 0;
    }
    slot[arg.id - 1] = deadline;
    timer_arm(deadline);
    return given;
}

/* There is one physical CPU: pinning to it, and no longer pinning, change nothing. */
static long op_pin_override(const struct vcpu *v, uint64_t arg_va)
{
    struct sched_pin_override arg;

    if (!v->domain->initial)
        return refuse_sched(-EPERM, "privileged");
    if (guest_read(&arg, arg_va, sizeof(arg)))
        return refuse_sched(-EFAULT, "argument-unreadable");
    return arg.pcpu > 0 ? refuse_sched(-EINVAL, "cpu-unknown") : 0;
}

long sched_op(unsigned cmd, uint64_t arg_va)
{
    struct vcpu *v = vcpu_current();

    switch (cmd) {
    case SCHEDOP_yield:
        sched_yield();
        return 0;
    case SCHEDOP_block:
        return op_block(v);
    case SCHEDOP_shutdown:
        return op_shutdown(v, arg_va);
    case SCHEDOP_poll:
        return op_poll(v, arg_va);
    case SCHEDOP_remote_shutdown:
        return op_remote_shutdown(v, arg_va);
    case SCHEDOP_shutdown_code:
        return op_shutdown_code(v, arg_va);
    case SCHEDOP_watchdog:
        return op_watchdog(v, arg_va);
    case SCHEDOP_pin_override:
        return op_pin_override(v, arg_va);
    default:
        return refuse_sched(-ENOSYS, "sched-op-unknown");
    }
}
