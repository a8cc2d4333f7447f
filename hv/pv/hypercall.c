/* SPDX-License-Identifier: MIT */
/*
 * The hypercall table and continuations. entry.S calls straight through the table after one bound
 * check; multicall.c through the same. Every number that is not listed answers -ENOSYS.
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

#define HYPERCALL_LIST(X)                                                                      \
    X(set_trap_table) X(mmu_update) X(set_gdt) X(stack_switch) X(set_callbacks)                \
    X(fpu_taskswitch) X(sched_op_compat) X(platform_op) X(set_debugreg) X(get_debugreg)        \
    X(update_descriptor) X(memory_op) X(multicall) X(update_va_mapping) X(set_timer_op)        \
    X(event_channel_op_compat) X(xen_version) X(console_io) X(vm_assist)                       \
    X(update_va_mapping_otherdomain) X(iret) X(vcpu_op) X(set_segment_base) X(mmuext_op)       \
    X(nmi_op) X(sched_op) X(callback_op) X(event_channel_op) X(physdev_op) X(sysctl) X(domctl) \
    X(xenpmu_op)

/* The first line fills what the list leaves out; the warning is about just that. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#define TABLE_ENTRY(name) [__HYPERVISOR_##name] = hc_##name,
hypercall_fn *const hypercall_table[HYPERCALLS] = {
    [0 ... HYPERCALLS - 1] = hc_not_implemented,
    HYPERCALL_LIST(TABLE_ENTRY)
};
#pragma GCC diagnostic pop

#define NAME_ENTRY(name) [__HYPERVISOR_##name] = #name,
const char *const hypercall_name[HYPERCALLS] = { HYPERCALL_LIST(NAME_ENTRY) };

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
