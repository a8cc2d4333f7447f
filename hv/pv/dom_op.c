/* SPDX-License-Identifier: MIT */
/*
 * The hypercalls that dom/ carries out: sched_op, event_channel_op, console_io and their forms of
 * before. Here their results are explained and long ones cut into pieces.
 */
#include "dom/console.h"
#include "dom/evtchn.h"
#include "dom/sched.h"
#include "hooks.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

#define CONSOLE_PIECES 8u /* of CONSOLE_IO_MAX bytes: then the guest gets its events */

/* names: constant, as they tell one request from the next. */
static long explain(const char *unknown, const char *const *names, unsigned count, uint64_t cmd,
                    long rc)
{
    if (__builtin_expect(rc >= 0, 1))
        return rc;
    return refuse_report(cmd < count && names[cmd] ? names[cmd] : unknown, 0, rc);
}

static const char *const sched_names[] = {
    "sched_op yield",    "sched_op block",           "sched_op shutdown",
    "sched_op poll",     "sched_op remote_shutdown", "sched_op shutdown_code",
    "sched_op watchdog", "sched_op pin_override",
};

long hc_sched_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    (void)a3, (void)a4, (void)a5;
    if (__builtin_expect(cmd == SCHEDOP_yield, 1)) {
        sched_yield();
        return 0;
    }
    return explain("sched_op ?", sched_names, sizeof(sched_names) / sizeof(sched_names[0]), cmd,
                   sched_op((unsigned)cmd, arg));
}

/* The argument of shutdown is the reason itself. */
long hc_sched_op_compat(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    switch (cmd) {
    case SCHEDOP_yield:
    case SCHEDOP_block:
        return hc_sched_op(cmd, 0, a3, a4, a5);
    case SCHEDOP_shutdown:
        domain_shutdown(domain_current(), (uint8_t)arg);
        schedule();
        return 0;
    default:
        return refused("sched_op_compat", -ENOSYS, "sched-op-unknown");
    }
}

static const char *const evtchn_names[] = {
    "event_channel_op bind_interdomain",
    "event_channel_op bind_virq",
    "event_channel_op bind_pirq",
    "event_channel_op close",
    "event_channel_op send",
    "event_channel_op status",
    "event_channel_op alloc_unbound",
    "event_channel_op bind_ipi",
    "event_channel_op bind_vcpu",
    "event_channel_op unmask",
    "event_channel_op reset",
    "event_channel_op init_control",
    "event_channel_op expand_array",
    "event_channel_op set_priority",
};

long hc_event_channel_op(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    (void)a3, (void)a4, (void)a5;
    return explain("event_channel_op ?", evtchn_names,
                   sizeof(evtchn_names) / sizeof(evtchn_names[0]), cmd,
                   evtchn_op((unsigned)cmd, arg));
}

/* The command lies before its argument in the guest's memory. */
long hc_event_channel_op_compat(uint64_t op_va, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    uint32_t cmd;

    (void)a2;
    if (guest_read(&cmd, op_va, sizeof(cmd)))
        return refused("event_channel_op_compat", -EFAULT, "argument-unreadable");
    if (cmd > EVTCHNOP_unmask)
        return refused("event_channel_op_compat", -ENOSYS, "evtchn-op-unknown");
    return hc_event_channel_op(cmd, op_va + offsetof(evtchn_op_t, u), a3, a4, a5);
}

static const char *const console_names[] = { "console_io write", "console_io read" };

long hc_console_io(uint64_t cmd, uint64_t count, uint64_t buf, uint64_t a4, uint64_t a5)
{
    uint32_t left = (uint32_t)count;
    long rc = 0;

    (void)a4, (void)a5;
    if (cmd == CONSOLEIO_read && left > INT32_MAX && domain_current()->initial)
        return refused("console_io read", -E2BIG, "count-too-large");
    for (unsigned piece = 0; piece == 0 || left; piece++) {
        uint32_t n = left < CONSOLE_IO_MAX ? left : CONSOLE_IO_MAX;

        if (piece && (piece == CONSOLE_PIECES || hook_preempt()))
            return hypercall_restart(__HYPERVISOR_console_io, cmd, left, buf, 0, 0);
        rc = console_io((unsigned)cmd, n, buf);
        if (rc || cmd != CONSOLEIO_write)
            break;
        left -= n;
        buf += n;
    }
    return explain("console_io ?", console_names, 2, cmd, rc);
}
