/* SPDX-License-Identifier: MIT */
/*
 * Small hypercalls: vm_assist, set_timer_op, xenpmu_op.
 */
#include "dom/sched.h"
#include "lib/errno.h"
#include "pv/bounce.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

#define VM_ASSIST_VALID                                                                \
    (1ul << VMASST_TYPE_4gb_segments | 1ul << VMASST_TYPE_4gb_segments_notify |        \
     1ul << VMASST_TYPE_writable_pagetables | 1ul << VMASST_TYPE_pae_extended_cr3 |    \
     1ul << VMASST_TYPE_architectural_iopl | 1ul << VMASST_TYPE_runstate_update_flag | \
     1ul << VMASST_TYPE_m2p_strict)

#define TIMER_FAR     (1ul << 50) /* ns: a deadline further off than this is a mistake, */
#define TIMER_INSTEAD 100000000ul /* and is taken for one so near, ns */

long hc_vm_assist(uint64_t cmd, uint64_t type, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct domain *d = domain_current();

    (void)a3, (void)a4, (void)a5;
    cmd = (uint32_t)cmd;
    type = (uint32_t)type;
    if (type >= 64 || !(VM_ASSIST_VALID & (1ul << type)))
        return refused("vm_assist", -EINVAL, "assist-unknown");
    if (cmd == VMASST_CMD_enable)
        d->vm_assist |= 1ul << type;
    else if (cmd == VMASST_CMD_disable)
        d->vm_assist &= ~(1ul << type);
    else
        return refused("vm_assist", -ENOSYS, "assist-command-unknown");
    for (unsigned i = 0; i < DOMAIN_MAX_VCPUS; i++)
        if (d->vcpu[i])
            bounce_fault_route(d->vcpu[i]);
    return 0;
}

long hc_set_timer_op(uint64_t deadline, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    uint64_t now = system_time();

    (void)a2, (void)a3, (void)a4, (void)a5;
    if (deadline > now + TIMER_FAR)
        deadline = now + TIMER_INSTEAD;
    vcpu_singleshot_set(vcpu_current(), deadline);
    return 0;
}

/* As on a host that has its virtual PMU off. */
long hc_xenpmu_op(uint64_t op, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    (void)op, (void)arg, (void)a3, (void)a4, (void)a5;
    return refused("xenpmu_op", -EOPNOTSUPP, "no-virtual-pmu");
}
