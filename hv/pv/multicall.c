/* SPDX-License-Identifier: MIT */
/*
 * Hypercall multicall: a list of hypercalls in guest memory, carried out in order, each result written
 * back into its entry. The list is read entry by entry, each entry once.
 *
 * ABI quirks: a sub-call that fails does not stop the list; iret ends it at once and without a result,
 * because the registers are another context's then (hazard P20); no multicall within a multicall.
 */
#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "pv/hypercall.h"
#include "pv/iret.h"
#include "pv/refuse.h"

#define ENTRY_BYTES  sizeof(multicall_entry_t)
#define ENTRY_ARGS   16u /* offset of args[] */
#define ENTRY_RESULT 8u
#define NAME         "multicall"

struct call { /* the part of an entry that is read */
    uint64_t op, result, args[5];
};

static long call_perform(struct vcpu *v, const struct call *c)
{
    long result = -ENOSYS;

    if (c->op == __HYPERVISOR_multicall)
        return refused(NAME, -EINVAL, "multicall-nested");
    if (c->op < HYPERCALLS) {
        v->multicall.restarted = false;
        v->multicall.active = true;
        result =
            hypercall_functions[c->op](c->args[0], c->args[1], c->args[2], c->args[3], c->args[4]);
        v->multicall.active = false;
    }
    return result;
}

long hc_multicall(uint64_t list_va, uint64_t count, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = vcpu_current();
    uint64_t bytes;

    (void)a3;
    (void)a4;
    (void)a5;
    if (!guest_va_ok(list_va) || __builtin_mul_overflow(count, ENTRY_BYTES, &bytes) ||
        !guest_range_ok(list_va, bytes))
        return refused(NAME, -EFAULT, "list-out-of-range");
    for (uint64_t i = 0; i < count; i++, list_va += ENTRY_BYTES) {
        struct call c;
        long result;

        if (i && hook_preempt())
            return hypercall_restart(__HYPERVISOR_multicall, list_va, count - i, 0, 0, 0);
        if (guest_read(&c, list_va, sizeof(c)))
            return refused(NAME, -EFAULT, "entry-unreadable");
        if (c.op == __HYPERVISOR_iret) {
            iret_perform();
            v->mode_changed = true;
            vcpu_exit_work(v);
            return 0;
        }
        result = call_perform(v, &c);
        if (v->multicall.restarted) {
            v->multicall.restarted = false;
            if (guest_write(list_va + ENTRY_ARGS, v->multicall.args, sizeof(v->multicall.args)))
                return refused(NAME, -EFAULT, "entry-unwritable");
            return hypercall_restart(__HYPERVISOR_multicall, list_va, count - i, 0, 0, 0);
        }
        if (guest_write64(list_va + ENTRY_RESULT, (uint64_t)result))
            return refused(NAME, -EFAULT, "entry-unwritable");
    }
    return 0;
}
