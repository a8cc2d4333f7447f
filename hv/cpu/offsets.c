/* SPDX-License-Identifier: MIT */
/*
 * Constants of C for the assembly in cpu/. Compiled to assembly, never linked: the build reads the
 * numbers out of the compiler's output (shared/abi/offsets_gen.h).
 */
#include "abi/offsets_gen.h"

#include "cpu/desc.h"
#include "dom/vcpu.h"
#include "lib/percpu.h"
#include "lib/regs.h"
#include "pv/abi_version.h"
#include "pv/hypercall.h"

_Static_assert(offsetof(struct percpu, self) == 0, "this_cpu() before there is a vCPU");
_Static_assert(offsetof(struct vcpu, cpu) == 0, "this_cpu() with a current vCPU");
_Static_assert(offsetof(struct percpu, current) == 8, "this_vcpu() before there is a vCPU");
_Static_assert(offsetof(struct vcpu, self) == 8, "this_vcpu() with a current vCPU");
_Static_assert((offsetof(struct vcpu, regs) + sizeof(struct cpu_regs)) % 16 == 0,
               "the CPU aligns TSS.RSP0 down to 16 bytes before it pushes");
_Static_assert(_Alignof(struct vcpu) >= 16, "the same");
/* A fault of the last IRETQ: 8 bytes of alignment, SS to error code, 15 registers. */
_Static_assert(offsetof(struct vcpu, regs) - offsetof(struct vcpu, fault_room) >=
                   5 * 8 + 8 + 6 * 8 + 15 * 8 - sizeof(struct cpu_regs),
               "the frame of a fault of the last IRETQ must not reach the fields below");

void offsets(void);
void offsets(void)
{
    OFFSET(V_SELF, struct vcpu, self);
    OFFSET(V_STACK_TOP, struct vcpu, stack_top);
    OFFSET(V_HYPERCALL_LIMIT, struct vcpu, hypercall_limit);
    OFFSET(V_EXIT_TEST, struct vcpu, exit_test);
    OFFSET(V_VIA_SYSRET, struct vcpu, via_sysret);
    OFFSET(V_REGS, struct vcpu, regs);
    OFFSET(V_R15, struct vcpu, regs.r15);
    OFFSET(V_R14, struct vcpu, regs.r14);
    OFFSET(V_R13, struct vcpu, regs.r13);
    OFFSET(V_R12, struct vcpu, regs.r12);
    OFFSET(V_RBP, struct vcpu, regs.rbp);
    OFFSET(V_RBX, struct vcpu, regs.rbx);
    OFFSET(V_R11, struct vcpu, regs.r11);
    OFFSET(V_R10, struct vcpu, regs.r10);
    OFFSET(V_R9, struct vcpu, regs.r9);
    OFFSET(V_R8, struct vcpu, regs.r8);
    OFFSET(V_RAX, struct vcpu, regs.rax);
    OFFSET(V_RCX, struct vcpu, regs.rcx);
    OFFSET(V_RDX, struct vcpu, regs.rdx);
    OFFSET(V_RSI, struct vcpu, regs.rsi);
    OFFSET(V_RDI, struct vcpu, regs.rdi);
    OFFSET(V_RIP, struct vcpu, regs.rip);
    OFFSET(V_RFLAGS, struct vcpu, regs.rflags);
    OFFSET(V_RSP, struct vcpu, regs.rsp);
    OFFSET(V_ERROR_CODE, struct vcpu, regs.error_code);
    OFFSET(V_CS, struct vcpu, regs.cs);
    OFFSET(V_SS, struct vcpu, regs.ss);
    OFFSET(V_FAULT_HANDLER, struct vcpu, fault_handler);
    OFFSET(V_FAULT_MASK, struct vcpu, fault_mask);
    OFFSET(V_CPU, struct vcpu, cpu);
    OFFSET(V_GS_KERNEL, struct vcpu, gs_base_kernel);
    OFFSET(V_GS_USER, struct vcpu, gs_base_user);
    OFFSET(V_CR3_KERNEL, struct vcpu, cr3_kernel);
    OFFSET(V_CR3_USER, struct vcpu, cr3_user);
    OFFSET(V_KERNEL_SP, struct vcpu, kernel_sp);
    OFFSET(V_SYSCALL_VA, struct vcpu, syscall.va);
    OFFSET(V_SYSCALL_MASK, struct vcpu, syscall.mask_events);
    OFFSET(V_NMI_PENDING, struct vcpu, nmi_pending);
    OFFSET(V_NMI_MASKED, struct vcpu, nmi_masked);
    OFFSET(V_IN_USER, struct vcpu, in_user);
    OFFSET(V_INFO, struct vcpu, info);
    OFFSET(V_CR2, struct vcpu, cr2);
    OFFSET(VCPU_INFO_MASK, vcpu_info_t, evtchn_upcall_mask);
    OFFSET(VCPU_INFO_CR2, vcpu_info_t, arch.cr2);
    OFFSET(R_VECTOR, struct cpu_regs, vector);
    OFFSET(R_ERROR_CODE, struct cpu_regs, error_code);
    OFFSET(R_RIP, struct cpu_regs, rip);
    OFFSET(R_CS, struct cpu_regs, cs);
    OFFSET(R_RFLAGS, struct cpu_regs, rflags);
    OFFSET(R_RSP, struct cpu_regs, rsp);
    SIZE(R_SIZE, struct cpu_regs);
    CONSTANT(R_WORDS, sizeof(struct cpu_regs) / 8);
    CONSTANT(C_ABI_VERSION, ABI_VERSION);
    CONSTANT(C_HYPERCALLS, HYPERCALLS);
    CONSTANT(C_FLAT_CS64, FLAT_KERNEL_CS64);
    CONSTANT(C_FLAT_SS64, FLAT_KERNEL_SS64);
    OFFSET(PCPU_CR3, struct percpu, cr3);
    OFFSET(PCPU_FLUSH_CLOCK, struct percpu, flush_clock);
    OFFSET(PCPU_CURRENT, struct percpu, current);
}
