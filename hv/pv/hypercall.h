/* SPDX-License-Identifier: MIT */
/*
 * The hypercall table, its calling convention and continuations.
 *
 * A handler gets the five argument registers (RDI RSI RDX R10 R8) and returns what RAX shall hold.
 * It may return hypercall_restart(...): the arguments are rewritten and SYSCALL executes again
 * after pending events (inside a multicall: the entry is rewritten). Guest pointers are VAs.
 */
#ifndef HV_PV_HYPERCALL_H
#define HV_PV_HYPERCALL_H

#include <stdint.h>

typedef long hypercall_fn(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

/* 64 entries; unused ones answer -ENOSYS. What a number means when C calls it. */
#define HYPERCALLS 64
extern hypercall_fn *const hypercall_functions[HYPERCALLS];

/* The same for cpu/syscall.S, which indexes it by RAX after a bound check: some are assembly. */
extern hypercall_fn *const hypercall_table[HYPERCALLS];

/*
 * Arranges that hypercall nr is issued again with these arguments, after the guest had a chance to
 * take an event. Returns the value that the handler must return.
 */
long hypercall_restart(unsigned nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                       uint64_t a5);

/* One handler for each file of pv/ (and dom/ for sched, evtchn, console). */
hypercall_fn hc_set_trap_table, hc_mmu_update, hc_set_gdt, hc_stack_switch, hc_set_callbacks,
    hc_fpu_taskswitch, hc_set_debugreg, hc_get_debugreg, hc_update_descriptor, hc_memory_op,
    hc_multicall, hc_update_va_mapping, hc_set_timer_op, hc_xen_version, hc_console_io,
    hc_vm_assist, hc_update_va_mapping_otherdomain, hc_vcpu_op, hc_set_segment_base, hc_mmuext_op,
    hc_nmi_op, hc_sched_op, hc_callback_op, hc_event_channel_op, hc_physdev_op, hc_platform_op,
    hc_sysctl, hc_domctl, hc_hvm_op, hc_sched_op_compat, hc_event_channel_op_compat, hc_xenpmu_op,
    hc_iret, hc_grant_table_op;

/*
 * cpu/syscall.S, for the table only: the way in and out of the commonest xen_version in one; around the
 * functions of hypercalls after which the registers that are none of their arguments are the guest's.
 */
hypercall_fn entry_xen_version, entry_keeping;

#endif
