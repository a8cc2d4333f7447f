/* SPDX-License-Identifier: MIT */
/*
 * Page faults, told apart by mode and error code; and the short way of the one that is hot: the
 * guest kernel touches a page that is not there, and its own handler is to follow. pv/bounce.c does
 * the same in general and says what each word is; here no register is saved that the guest's
 * handler gets back anyhow.
 *
 *   on the guest's stack, below RSP & ~15:   RCX | R11 | error code | RIP | CS, mask | RFLAGS | RSP | SS
 *
 * A fault in user mode goes to cpu/user.S. Anything else declines into entry_page_fault
 * (cpu/entry.S) with every register as it was: other error codes, work on the way out, a stack that
 * cannot be written. Until then nothing has changed but words of the guest's stack, which the
 * general way writes again.
 *
 * Invariant: v->fault_handler is not 0 only while bounce_fault_route() holds: a canonical handler, no
 * trace, no IOPL to show. From ring 3 the CPU has pushed its frame into v->regs (TSS.RSP0 is its end).
 */
#include "cpu/entry.h"
#include "cpu/user.h"
#include "lib/extable.h"

    .text
    .balign 16
    .globl fault_short
fault_short:
    testb $3, R_CS - R_ERROR_CODE(%rsp)
    jz entry_page_fault
    swapgs
    cmpl $0, %gs:V_IN_USER
    jne fault_user
    cmpl $(PFEC_P | PFEC_W | PFEC_U), (%rsp)
    je write_to_read_only
    FAULT_BEGIN PFEC_W | PFEC_I
    mov %gs:V_RSP, %rax
    and $-16, %rax
    sub $64, %rax
    GUEST_VA_CHECK %rax, %rdx, fault_decline_all
    mov %gs:V_INFO, %rdx
    mov %cr2, %rcx          /* before a store below may fault */
    mov %rcx, %gs:V_CR2
    mov %rcx, VCPU_INFO_CR2(%rdx)
    FAULT_FRAME PFEC_W | PFEC_I, 0xfffc, .Lstore_fault
    FAULT_HANDLER

.Lstore_fault:
    SMAP_CLAC
    mov %gs:V_CR2, %rcx
    mov %rcx, %cr2
    .globl fault_decline_all, fault_decline_rax
fault_decline_all:
    mov %gs:V_RCX, %rcx
    mov %gs:V_R11, %r11
    mov %gs:V_RDX, %rdx
fault_decline_rax:
    mov %gs:V_SELF, %rsp
    mov %gs:V_RAX, %rax
    lea V_ERROR_CODE(%rsp), %rsp
    swapgs
    jmp entry_page_fault

/* The guest kernel's write to what it may only read. */
write_to_read_only:
    GPRS_PUSH
    SMAP_CLAC
    cld
    mov %rsp, %rdi
    mov %cr2, %rsi
    mov %gs:V_STACK_TOP, %rsp
    call ptwr_fault
    jmp exit_full

    .section .note.GNU-stack, "", @progbits
