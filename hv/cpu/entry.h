/* SPDX-License-Identifier: MIT */
/* What the ring transitions in cpu/entry.S and cpu/fault.S are made of. For assembly alone. */
#ifndef HV_CPU_ENTRY_H
#define HV_CPU_ENTRY_H

#ifdef __ASSEMBLY__

#include "offsets.h"

/* clang-format off */
/* struct cpu_regs from the word {error code, vector} down: rdi first, r15 last. */
.macro GPRS_PUSH
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
.endm

.macro GPRS_POP
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
.endm

.macro CALLEE_SAVED_STORE
    mov %rbx, %gs:V_RBX
    mov %rbp, %gs:V_RBP
    mov %r12, %gs:V_R12
    mov %r13, %gs:V_R13
    mov %r14, %gs:V_R14
    mov %r15, %gs:V_R15
.endm

.macro ARGUMENTS_STORE
    mov %rdi, %gs:V_RDI
    mov %rsi, %gs:V_RSI
    mov %rdx, %gs:V_RDX
    mov %r10, %gs:V_R10
    mov %r8, %gs:V_R8
    mov %r9, %gs:V_R9
.endm
/* clang-format on */

#endif
#endif
