/* SPDX-License-Identifier: MIT */
/*
 * Where the guest kernel is entered: trap table, callbacks, kernel stack. Every address is checked to
 * be canonical here, by every setter, so that its use cannot fault in ring 0 (hazard X2).
 * Hypercalls set_trap_table, set_callbacks, callback_op, stack_switch, nmi_op.
 */
#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "pv/bounce.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

#define TRAP_NMI    2u
#define TRAPS       256u
#define TABLE_PIECE TRAPS /* entries taken between two preemption points; the list may be endless */

long hc_set_trap_table(uint64_t table_va, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = vcpu_current();
    struct trap_info t;

    (void)a2;
    (void)a3;
    (void)a4;
    (void)a5;
    if (!table_va) {
        memset(v->traps, 0, TRAPS * sizeof(*v->traps));
        bounce_fault_route(v);
        return 0;
    }
    for (unsigned i = 0;; i++, table_va += sizeof(t)) {
        if (i == TABLE_PIECE || (i && hook_preempt()))
            return hypercall_restart(__HYPERVISOR_set_trap_table, table_va, 0, 0, 0, 0);
        if (guest_read(&t, table_va, sizeof(t)))
            return refused("set_trap_table", -EFAULT, "table-unreadable");
        if (!t.address)
            break;
        if (!va_canonical(t.address))
            return refused("set_trap_table", -EINVAL, "handler-not-canonical");
        t.cs |= 3;
        v->traps[t.vector] = t;
        bounce_fault_route(v);
        if (t.vector == TRAP_NMI && v->nmi_pending)
            vcpu_exit_work(v);
    }
    trace("set_trap_table done\n");
    return 0;
}

static void nmi_handler_set(struct vcpu *v, uint64_t va)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it takes what GS points at for null */
    v->traps[TRAP_NMI] = (struct trap_info){
        .vector = TRAP_NMI, .flags = TRAP_MASK_EVENTS, .cs = FLAT_KERNEL_CS64, .address = va
    };
    if (v->nmi_pending)
        vcpu_exit_work(v);
}

/* -EINVAL for an address that is not canonical, -ENOSYS for a type that is not known. */
static long callback_set(struct vcpu *v, unsigned type, bool mask_events, uint64_t va)
{
    struct vcpu_callback *slot;

    if (!va_canonical(va))
        return refuse(-EINVAL, "handler-not-canonical", MFN_NONE, va);
    switch (type) {
    case CALLBACKTYPE_event:
        slot = &v->event;
        mask_events = true;
        break;
    case CALLBACKTYPE_failsafe:
        slot = &v->failsafe;
        break;
    case CALLBACKTYPE_syscall:
        slot = &v->syscall;
        break;
    case CALLBACKTYPE_syscall32:
        slot = &v->syscall32;
        break;
    case CALLBACKTYPE_sysenter:
        slot = &v->sysenter;
        break;
    case CALLBACKTYPE_nmi:
        slot = 0;
        break;
    default:
        return -ENOSYS;
    }
    if (slot)
        *slot = (struct vcpu_callback){ va, mask_events };
    else
        nmi_handler_set(v, va);
    return 0;
}

/* Addresses that are not canonical are skipped without a word: the old ABI returns 0 whatever. */
long hc_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = vcpu_current();

    (void)a4;
    (void)a5;
    callback_set(v, CALLBACKTYPE_event, true, event);
    callback_set(v, CALLBACKTYPE_failsafe, false, failsafe);
    callback_set(v, CALLBACKTYPE_syscall, false, syscall);
    refusal_clear();
    return 0;
}

static long callback_unregister(struct vcpu *v, unsigned type)
{
    switch (type) {
    case CALLBACKTYPE_nmi:
        memset(&v->traps[TRAP_NMI], 0, sizeof(v->traps[TRAP_NMI]));
        return 0;
    case CALLBACKTYPE_event:
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
    case CALLBACKTYPE_syscall32:
    case CALLBACKTYPE_sysenter:
        return refuse(-EINVAL, "callback-cannot-be-unregistered", MFN_NONE, type);
    default:
        return -ENOSYS;
    }
}

long hc_callback_op(uint64_t cmd, uint64_t arg_va, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = vcpu_current();
    struct callback_register r;
    struct callback_unregister u;
    long rc;

    (void)a3;
    (void)a4;
    (void)a5;
    switch ((uint32_t)cmd) {
    case CALLBACKOP_register:
        if (guest_read(&r, arg_va, sizeof(r)))
            return refused("callback_op register", -EFAULT, "argument-unreadable");
        rc = callback_set(v, r.type, r.flags & CALLBACKF_mask_events, r.address);
        return rc ? refuse_report("callback_op register", 0, rc) : 0;
    case CALLBACKOP_unregister:
        if (guest_read(&u, arg_va, sizeof(u)))
            return refused("callback_op unregister", -EFAULT, "argument-unreadable");
        rc = callback_unregister(v, u.type);
        return rc ? refuse_report("callback_op unregister", 0, rc) : 0;
    default:
        return refused("callback_op", -ENOSYS, "unknown-command");
    }
}

/* Any stack is accepted: a bad one is found, and the domain's end, when a frame is pushed there. */
long hc_stack_switch(uint64_t ss, uint64_t sp, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = vcpu_current();

    (void)a3;
    (void)a4;
    (void)a5;
    v->kernel_ss = (uint16_t)(ss | 3);
    v->kernel_sp = sp;
    return 0;
}

long hc_nmi_op(uint64_t cmd, uint64_t arg_va, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = vcpu_current();
    struct xennmi_callback c;

    (void)a3;
    (void)a4;
    (void)a5;
    switch ((uint32_t)cmd) {
    case XENNMI_register_callback:
        if (guest_read(&c, arg_va, sizeof(c)))
            return refused("nmi_op register", -EFAULT, "argument-unreadable");
        if (!va_canonical(c.handler_address))
            return refused("nmi_op register", -EINVAL, "handler-not-canonical");
        nmi_handler_set(v, c.handler_address);
        return 0;
    case XENNMI_unregister_callback:
        memset(&v->traps[TRAP_NMI], 0, sizeof(v->traps[TRAP_NMI]));
        return 0;
    default:
        return refused("nmi_op", -ENOSYS, "unknown-command");
    }
}
