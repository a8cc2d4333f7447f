/* SPDX-License-Identifier: MIT */
/*
 * The registers of a guest, in struct vcpu, or of the hypervisor at a fault of its own, on the
 * stack. cpu/entry.S fills it; offsets are generated. SYSCALL from the guest kernel (a hypercall,
 * cpu/syscall.S) fills only what has to be known then: rip, rflags, rsp, and the callee-saved
 * registers stay live in the CPU. Whoever needs the whole context gets it because the slow entry
 * paths save everything.
 */
#ifndef HV_LIB_REGS_H
#define HV_LIB_REGS_H

#include <stdint.h>

struct cpu_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx;              /* callee-saved by C */
    uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi; /* clobbered by C */
    uint32_t error_code, vector;
    uint64_t rip;
    uint16_t cs, pad0;
    uint32_t pad1;
    uint64_t rflags;
    uint64_t rsp;
    uint16_t ss, pad2;
    uint32_t pad3;
};
_Static_assert(sizeof(struct cpu_regs) == 21 * 8, "as entry.S pushes it");

#endif
