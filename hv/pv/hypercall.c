/* SPDX-License-Identifier: MIT */
/*
 * The hypercall tables and continuations. cpu/syscall.S calls straight through hypercall_table after
 * one bound check. Every number that is not listed answers -ENOSYS.
 *
 * Invariant: hypercall_limit is 0 exactly while the vCPU is in guest-user mode, so that no hypercall
 * can be made from there.
 */
#include "pv/hypercall.h"

#include "dom/vcpu.h"
#include "lib/errno.h"
#include "pv/refuse.h"

#define HYPERCALL_BYTES 2 /* SYSCALL: 0f 05 */

static long hc_not_implemented(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    (void)a1;
    (void)a2;
    (void)a3;
    (void)a4;
    (void)a5;
    return -ENOSYS;
}

/* The first line fills what the others leave out; the warning is about just that. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
hypercall_fn *const hypercall_functions[HYPERCALLS] = {
    [0 ... HYPERCALLS - 1] = hc_not_implemented,
    [__HYPERVISOR_set_trap_table] = hc_set_trap_table,
    [__HYPERVISOR_mmu_update] = hc_mmu_update,
    [__HYPERVISOR_set_gdt] = hc_set_gdt,
    [__HYPERVISOR_stack_switch] = hc_stack_switch,
    [__HYPERVISOR_set_callbacks] = hc_set_callbacks,
    [__HYPERVISOR_fpu_taskswitch] = hc_fpu_taskswitch,
    [__HYPERVISOR_sched_op_compat] = hc_sched_op_compat,
    [__HYPERVISOR_platform_op] = hc_platform_op,
    [__HYPERVISOR_set_debugreg] = hc_set_debugreg,
    [__HYPERVISOR_get_debugreg] = hc_get_debugreg,
    [__HYPERVISOR_update_descriptor] = hc_update_descriptor,
    [__HYPERVISOR_memory_op] = hc_memory_op,
    [__HYPERVISOR_multicall] = hc_multicall,
    [__HYPERVISOR_update_va_mapping] = hc_update_va_mapping,
    [__HYPERVISOR_set_timer_op] = hc_set_timer_op,
    [__HYPERVISOR_event_channel_op_compat] = hc_event_channel_op_compat,
    [__HYPERVISOR_xen_version] = hc_xen_version,
    [__HYPERVISOR_console_io] = hc_console_io,
    [__HYPERVISOR_grant_table_op] = hc_grant_table_op,
    [__HYPERVISOR_vm_assist] = hc_vm_assist,
    [__HYPERVISOR_update_va_mapping_otherdomain] = hc_update_va_mapping_otherdomain,
    [__HYPERVISOR_iret] = hc_iret,
    [__HYPERVISOR_vcpu_op] = hc_vcpu_op,
    [__HYPERVISOR_set_segment_base] = hc_set_segment_base,
    [__HYPERVISOR_mmuext_op] = hc_mmuext_op,
    [__HYPERVISOR_nmi_op] = hc_nmi_op,
    [__HYPERVISOR_sched_op] = hc_sched_op,
    [__HYPERVISOR_callback_op] = hc_callback_op,
    [__HYPERVISOR_event_channel_op] = hc_event_channel_op,
    [__HYPERVISOR_physdev_op] = hc_physdev_op,
    [__HYPERVISOR_hvm_op] = hc_hvm_op,
    [__HYPERVISOR_sysctl] = hc_sysctl,
    [__HYPERVISOR_domctl] = hc_domctl,
    [__HYPERVISOR_xenpmu_op] = hc_xenpmu_op,
};

/*
 * Those with three or four arguments that guests wait for, and those that leave by ways of their
 * own.
 */
hypercall_fn *const hypercall_table[HYPERCALLS] = {
    [0 ... HYPERCALLS - 1] = entry_keeping,
    [__HYPERVISOR_mmu_update] = hc_mmu_update,
    [__HYPERVISOR_update_va_mapping] = hc_update_va_mapping,
    [__HYPERVISOR_mmuext_op] = hc_mmuext_op,
    [__HYPERVISOR_xen_version] = entry_xen_version,
    [__HYPERVISOR_iret] = hc_iret,
};
#pragma GCC diagnostic pop

long hypercall_restart(unsigned nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = vcpu_current();
    struct cpu_regs *regs = vcpu_regs(v);

    if (v->multicall.active) {
        v->multicall.restarted = true;
        v->multicall.args[0] = a1;
        v->multicall.args[1] = a2;
        v->multicall.args[2] = a3;
        v->multicall.args[3] = a4;
        v->multicall.args[4] = a5;
        return 0;
    }
    regs->rdi = a1;
    regs->rsi = a2;
    regs->rdx = a3;
    regs->r10 = a4;
    regs->r8 = a5;
    regs->rax = nr;
    regs->rip -= HYPERCALL_BYTES;
    v->restarting = true;
    vcpu_exit_work(v);
    return 0;
}

void vcpu_set_mode(struct vcpu *v, bool user)
{
    v->in_user = user;
    v->hypercall_limit = user ? 0 : HYPERCALLS;
}
