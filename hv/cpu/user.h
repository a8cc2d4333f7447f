/* SPDX-License-Identifier: MIT */
/* What the short ways of cpu/fault.S and cpu/user.S have in common. For assembly alone. */
#ifndef HV_CPU_USER_H
#define HV_CPU_USER_H

#ifdef __ASSEMBLY__

#include "lib/extable.h"
#include "offsets.h"

#define PFEC_P 0x01
#define PFEC_W 0x02
#define PFEC_U 0x04
#define PFEC_I 0x10

#define RFLAGS_IF    0x200
#define RFLAGS_CLEAR 0x77100 /* TF IOPL NT RF VM AC, as pv/bounce.c */

/* clang-format off */
/* Slots 0 to 255 and 272 to 511 of an L4 are the guest's: guest_va_ok(). Else jumps. */
.macro GUEST_VA_CHECK va, scratch, bad
    mov \va, \scratch
    sar $39, \scratch
    add $240, \scratch
    cmp $496, \scratch
    jae \bad
.endm

/*
 * Begins a short way with RSP at the error code in v->regs: declines when there is work on the way out,
 * no handler, or an error code that has bits beside U and `any`. Then RSP is ours, and RAX, RCX, RDX and
 * R11 are saved and free.
 */
.macro FAULT_BEGIN any
    mov %rax, %gs:V_RAX
    mov %gs:V_EXIT_TEST, %rax
    cmpb $0, (%rax)
    jne fault_decline_rax
    mov (%rsp), %eax
    and $~(\any), %eax
    cmp $PFEC_U, %eax
    jne fault_decline_rax
    cmpq $0, %gs:V_FAULT_HANDLER
    je fault_decline_rax
    mov %gs:V_STACK_TOP, %rsp
    mov %rdx, %gs:V_RDX
    mov %rcx, %gs:V_RCX
    mov %r11, %gs:V_R11
.endm

/*
 * The frame of a page fault at RAX, RDX being the vcpu_info; RCX and R11 are saved and free. shown
 * and cs_mask: what it shows of error code and CS. A store that faults goes on at `fault`, user
 * access open.
 */
.macro FAULT_FRAME shown, cs_mask, fault
    mov %gs:V_RCX, %rcx
    SMAP_STAC
.Lstore1\@:
    mov %rcx, (%rax)
    mov %gs:V_R11, %rcx
.Lstore2\@:
    mov %rcx, 8(%rax)
    mov %gs:V_ERROR_CODE, %ecx
    and $\shown, %ecx
.Lstore3\@:
    mov %rcx, 16(%rax)
    mov %gs:V_RIP, %rcx
.Lstore4\@:
    mov %rcx, 24(%rax)
    movzbl VCPU_INFO_MASK(%rdx), %r11d
    shl $32, %r11
    movzwl %gs:V_CS, %ecx
    and $\cs_mask, %ecx
    or %r11, %rcx
.Lstore5\@:
    mov %rcx, 32(%rax)
    mov %gs:V_RFLAGS, %rcx
    test %r11, %r11
    jz .Lstore6\@
    and $~RFLAGS_IF, %ecx
.Lstore6\@:
    mov %rcx, 40(%rax)
    mov %gs:V_RSP, %rcx
.Lstore7\@:
    mov %rcx, 48(%rax)
    movzwl %gs:V_SS, %ecx
.Lstore8\@:
    mov %rcx, 56(%rax)
    SMAP_CLAC
    EX_TABLE .Lstore1\@, \fault
    EX_TABLE .Lstore2\@, \fault
    EX_TABLE .Lstore3\@, \fault
    EX_TABLE .Lstore4\@, \fault
    EX_TABLE .Lstore5\@, \fault
    EX_TABLE .Lstore6\@, \fault
    EX_TABLE .Lstore7\@, \fault
    EX_TABLE .Lstore8\@, \fault
.endm

/* Enters the guest kernel's handler, the frame at RAX; RAX and RDX are saved. */
.macro FAULT_HANDLER
    mov %gs:V_FAULT_MASK, %cl
    or %cl, VCPU_INFO_MASK(%rdx)
    mov %gs:V_RFLAGS, %r11
    and $~RFLAGS_CLEAR, %r11
    mov %gs:V_FAULT_HANDLER, %rcx
    mov %gs:V_RDX, %rdx
    mov %rax, %rsp
    mov %gs:V_RAX, %rax
    swapgs
    sysretq
.endm
/* clang-format on */

#endif
#endif
