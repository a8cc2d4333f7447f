/* SPDX-License-Identifier: MIT */
/*
 * Hypercall platform_op: the initial domain sets the machine's wall clock, as kernels do that keep it
 * by the network, and asks which CPUs there are. What concerns firmware and devices is left out.
 *
 * Invariant: checked in the order that the ABI promises: copy, interface version, privilege,
 * operation.
 */
#include <stdint.h>

#include <xen/platform.h>

#include "dom/sched.h"
#include "lib/errno.h"
#include "mm/guest_copy.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

static long refused_op(uint32_t cmd, long err, const char *rule)
{
    refuse((int)err, rule, MFN_NONE, 0);
    return refuse_report("platform_op", &(struct refused_entry){ .index = cmd }, err);
}

/* There is one, and it is what the idle loop runs on. */
static long cpu_describe(struct xen_platform_op *op, uint64_t va)
{
    struct xenpf_pcpuinfo *cpu = &op->u.pcpu_info;

    if (cpu->xen_cpuid) {
        cpu->flags = XEN_PCPU_FLAGS_INVALID;
    } else {
        cpu->flags = XEN_PCPU_FLAGS_ONLINE;
        cpu->apic_id = cpu->acpi_id = 0;
    }
    cpu->max_present = 0;
    va += offsetof(struct xen_platform_op, u.pcpu_info);
    return guest_write(va, cpu, sizeof(*cpu)) ? refused_op(op->cmd, -EFAULT, "argument-unwritable")
                                              : 0;
}

long hc_platform_op(uint64_t va, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct xen_platform_op op;

    (void)a2, (void)a3, (void)a4, (void)a5;
    if (guest_read(&op, va, sizeof(op)))
        return refused("platform_op", -EFAULT, "argument-unreadable");
    if (op.interface_version != XENPF_INTERFACE_VERSION)
        return refused_op(op.cmd, -EACCES, "interface-version");
    if (!domain_current()->initial)
        return refused_op(op.cmd, -EPERM, "privileged");
    switch (op.cmd) {
    case XENPF_settime32:
        wallclock_set(op.u.settime32.secs, op.u.settime32.nsecs, op.u.settime32.system_time);
        return 0;
    case XENPF_settime64:
        if (op.u.settime64.mbz)
            return refused_op(op.cmd, -EINVAL, "reserved-word");
        wallclock_set(op.u.settime64.secs, op.u.settime64.nsecs, op.u.settime64.system_time);
        return 0;
    case XENPF_get_cpuinfo:
        return cpu_describe(&op, va);
    default:
        return refused_op(op.cmd, -ENOSYS, "control-op-left-out");
    }
}
