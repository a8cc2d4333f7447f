/* SPDX-License-Identifier: MIT */
/* What the ring transitions in cpu/entry.S and cpu/fault.S are made of. For assembly alone. */
#ifndef HV_CPU_ENTRY_H
#define HV_CPU_ENTRY_H

#ifdef __ASSEMBLY__

#include "offsets.h"

/* clang-format off */
.macro CALLEE_SAVED_PUSH
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
.endm

.macro CALLEE_SAVED_POP
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
.endm

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
    CALLEE_SAVED_PUSH
.endm

/* From r11 up to the same word; the callee-saved ones lie below. */
.macro GPRS_POP_CLOBBERED
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

.macro GPRS_POP
    CALLEE_SAVED_POP
    GPRS_POP_CLOBBERED
.endm
/* clang-format on */

#endif
#endif
