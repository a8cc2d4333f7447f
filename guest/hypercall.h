/*
 * SPDX-License-Identifier: MIT
 *
 * hypercall.h - one typed inline for each hypercall the guest makes.
 *
 * All return the ABI's result: 0 or a positive value on success, a negated XEN_E* number on error.
 * Arguments go in RDI, RSI, RDX, R10, R8; every one of them counts as destroyed, and so do RCX and
 * R11.  Numbers of frames are mfn_t, addresses in guest memory are pointers or VAs.
 */
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include <abi/abi.h>

#define HYPERCALL_STUB() "call hypercall_page + (%c[n] * 32)"

/* The registers of arguments that a call does not have are not set, but go all the same. */
#define HYPERCALL_ASM(nr, lost, ...)           \
    __asm__ volatile(HYPERCALL_STUB()          \
                     : "=a"(ret_), __VA_ARGS__ \
                     : [n] "i"(nr)             \
                     : "memory", "rcx", "r11" HYPERCALL_LOST_##lost)
#define HYPERCALL_LOST_4 , "r8"
#define HYPERCALL_LOST_3 , "r10" HYPERCALL_LOST_4
#define HYPERCALL_LOST_2 , "rdx" HYPERCALL_LOST_3
#define HYPERCALL_LOST_1 , "rsi" HYPERCALL_LOST_2

#define HYPERCALL_1(nr, a1)              \
    ({                                   \
        uint64_t a1_ = (uint64_t)(a1);   \
        long ret_;                       \
        HYPERCALL_ASM(nr, 1, "+D"(a1_)); \
        ret_;                            \
    })

#define HYPERCALL_2(nr, a1, a2)                              \
    ({                                                       \
        uint64_t a1_ = (uint64_t)(a1), a2_ = (uint64_t)(a2); \
        long ret_;                                           \
        HYPERCALL_ASM(nr, 2, "+D"(a1_), "+S"(a2_));          \
        ret_;                                                \
    })

#define HYPERCALL_3(nr, a1, a2, a3)                                                \
    ({                                                                             \
        uint64_t a1_ = (uint64_t)(a1), a2_ = (uint64_t)(a2), a3_ = (uint64_t)(a3); \
        long ret_;                                                                 \
        HYPERCALL_ASM(nr, 3, "+D"(a1_), "+S"(a2_), "+d"(a3_));                     \
        ret_;                                                                      \
    })

#define HYPERCALL_4(nr, a1, a2, a3, a4)                                            \
    ({                                                                             \
        uint64_t a1_ = (uint64_t)(a1), a2_ = (uint64_t)(a2), a3_ = (uint64_t)(a3); \
        register uint64_t a4_ __asm__("r10") = (uint64_t)(a4);                     \
        long ret_;                                                                 \
        HYPERCALL_ASM(nr, 4, "+D"(a1_), "+S"(a2_), "+d"(a3_), "+r"(a4_));          \
        ret_;                                                                      \
    })

/* ---- page tables --------------------------------------------------------------------------- */

/* `done` (may be NULL) counts the requests carried out, also when the result is an error. */
static inline long hypercall_mmu_update(const mmu_update_t *reqs, unsigned int count,
                                        unsigned int *done, unsigned int foreigndom)
{
    return HYPERCALL_4(__HYPERVISOR_mmu_update, reqs, count, done, foreigndom);
}

static inline long hypercall_mmuext_op(const mmuext_op_t *ops, unsigned int count,
                                       unsigned int *done, unsigned int foreigndom)
{
    return HYPERCALL_4(__HYPERVISOR_mmuext_op, ops, count, done, foreigndom);
}

/* flags: UVMF_*. */
static inline long hypercall_update_va_mapping(uint64_t va, pte_t pte, uint64_t flags)
{
    return HYPERCALL_3(__HYPERVISOR_update_va_mapping, va, pte, flags);
}

static inline long hypercall_update_va_mapping_otherdomain(uint64_t va, pte_t pte, uint64_t flags,
                                                           domid_t dom)
{
    return HYPERCALL_4(__HYPERVISOR_update_va_mapping_otherdomain, va, pte, flags, dom);
}

static inline long hypercall_vm_assist(unsigned int cmd, unsigned int type)
{
    return HYPERCALL_2(__HYPERVISOR_vm_assist, cmd, type);
}

static inline long hypercall_memory_op(unsigned int cmd, void *arg)
{
    return HYPERCALL_2(__HYPERVISOR_memory_op, cmd, arg);
}

/* ---- traps, stacks, segments --------------------------------------------------------------- */

/* Table ends with an entry of address 0; NULL clears all entries. */
static inline long hypercall_set_trap_table(const struct trap_info *table)
{
    return HYPERCALL_1(__HYPERVISOR_set_trap_table, table);
}

static inline long hypercall_callback_op(unsigned int cmd, void *arg)
{
    return HYPERCALL_2(__HYPERVISOR_callback_op, cmd, arg);
}

static inline long hypercall_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall)
{
    return HYPERCALL_3(__HYPERVISOR_set_callbacks, event, failsafe, syscall);
}

/* Stack for entries from user mode: selector and VA of its top. */
static inline long hypercall_stack_switch(uint16_t ss, uint64_t sp)
{
    return HYPERCALL_2(__HYPERVISOR_stack_switch, ss, sp);
}

/* frames: uint64_t MFNs, already mapped read-only; entries of 8 bytes. */
static inline long hypercall_set_gdt(const uint64_t *frames, unsigned int entries)
{
    return HYPERCALL_2(__HYPERVISOR_set_gdt, frames, entries);
}

static inline long hypercall_update_descriptor(uint64_t ma, uint64_t descriptor)
{
    return HYPERCALL_2(__HYPERVISOR_update_descriptor, ma, descriptor);
}

static inline long hypercall_set_segment_base(unsigned int which, uint64_t base)
{
    return HYPERCALL_2(__HYPERVISOR_set_segment_base, which, base);
}

static inline long hypercall_fpu_taskswitch(int set)
{
    return HYPERCALL_1(__HYPERVISOR_fpu_taskswitch, set);
}

static inline long hypercall_set_debugreg(unsigned int reg, uint64_t value)
{
    return HYPERCALL_2(__HYPERVISOR_set_debugreg, reg, value);
}

static inline long hypercall_get_debugreg(unsigned int reg)
{
    return HYPERCALL_1(__HYPERVISOR_get_debugreg, reg);
}

/* ---- the rest ------------------------------------------------------------------------------ */

static inline long hypercall_multicall(multicall_entry_t *calls, unsigned int count)
{
    return HYPERCALL_2(__HYPERVISOR_multicall, calls, count);
}

static inline long hypercall_sched_op(unsigned int cmd, void *arg)
{
    return HYPERCALL_2(__HYPERVISOR_sched_op, cmd, arg);
}

/* Absolute system time in nanoseconds; 0 cancels. */
static inline long hypercall_set_timer_op(uint64_t deadline_ns)
{
    return HYPERCALL_1(__HYPERVISOR_set_timer_op, deadline_ns);
}

static inline long hypercall_vcpu_op(unsigned int cmd, unsigned int vcpu, void *arg)
{
    return HYPERCALL_3(__HYPERVISOR_vcpu_op, cmd, vcpu, arg);
}

static inline long hypercall_event_channel_op(unsigned int cmd, void *arg)
{
    return HYPERCALL_2(__HYPERVISOR_event_channel_op, cmd, arg);
}

static inline long hypercall_grant_table_op(unsigned int cmd, void *ops, unsigned int count)
{
    return HYPERCALL_3(__HYPERVISOR_grant_table_op, cmd, ops, count);
}

static inline long hypercall_physdev_op(unsigned int cmd, void *arg)
{
    return HYPERCALL_2(__HYPERVISOR_physdev_op, cmd, arg);
}

/* struct xen_sysctl: for those that look after other domains. */
static inline long hypercall_sysctl(void *op)
{
    return HYPERCALL_1(__HYPERVISOR_sysctl, op);
}

static inline long hypercall_hvm_op(unsigned int cmd, void *arg)
{
    return HYPERCALL_2(__HYPERVISOR_hvm_op, cmd, arg);
}

static inline long hypercall_xen_version(unsigned int cmd, void *arg)
{
    return HYPERCALL_2(__HYPERVISOR_xen_version, cmd, arg);
}

/* cmd: CONSOLEIO_write or CONSOLEIO_read; the result of a read is the number of bytes. */
static inline long hypercall_console_io(unsigned int cmd, unsigned int count, void *buffer)
{
    return HYPERCALL_3(__HYPERVISOR_console_io, cmd, count, buffer);
}

#endif
