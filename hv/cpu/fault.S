/* SPDX-License-Identifier: MIT */
/*
 * Page faults, told apart by mode and error code; and the short way of the one that is hot: the guest
 * kernel touches a page that is not there, and its own handler is to follow. pv/bounce.c does the same in general and says what each word is;
 * here no register is saved that the guest's handler gets back anyhow.
 *
 *   on the guest's stack, below RSP & ~15:   RCX | R11 | error code | RIP | CS, mask | RFLAGS | RSP | SS
 *
 * Anything else declines into entry_page_fault (cpu/entry.S) with every register as it was: other
 * modes, other error codes, work on the way out, a stack that cannot be written. Until then nothing
 * has changed but words of the guest's stack, which the general way writes again.
 *
 * Invariant: v->fault_handler is not 0 only while bounce_fault_route() holds: a canonical handler, no
 * trace, no IOPL to show. From ring 3 the CPU has pushed its frame into v->regs (TSS.RSP0 is its end).
 */
#include "cpu/entry.h"
#include "lib/extable.h"
#include "offsets.h"

#define PFEC_W_TO_RO 7     /* P, W and U */
#define PFEC_OTHER   ~0x12 /* error code bits besides W and I: U alone is the short way's */
#define PFEC_U       4
#define PFEC_SHOWN   0x12
#define RFLAGS_IF    0x200
#define RFLAGS_CLEAR 0x77100 /* TF IOPL NT RF VM AC, as pv/bounce.c */

    .text
    .balign 16
    .globl fault_short
fault_short:
    testb $3, R_CS - R_ERROR_CODE(%rsp)
    jz entry_page_fault
    swapgs
    cmpl $0, %gs:V_IN_USER
    jne decline
    cmpl $PFEC_W_TO_RO, (%rsp)
    je write_to_read_only
    mov %rax, %gs:V_RAX
    mov %gs:V_EXIT_TEST, %rax
    cmpb $0, (%rax)
    jne decline_rax
    mov (%rsp), %eax
    and $PFEC_OTHER, %eax
    cmp $PFEC_U, %eax
    jne decline_rax
    cmpq $0, %gs:V_FAULT_HANDLER
    je decline_rax

    mov %gs:V_STACK_TOP, %rsp
    mov %rdx, %gs:V_RDX
    mov %rcx, %gs:V_RCX
    mov %r11, %gs:V_R11
    mov %gs:V_RSP, %rax
    and $-16, %rax
    sub $64, %rax
    mov %rax, %rdx          /* slots 0 to 255 and 272 to 511 of an L4 are the guest's: guest_va_ok() */
    sar $39, %rdx
    add $240, %rdx
    cmp $496, %rdx
    jae decline_all
    mov %gs:V_INFO, %rdx
    mov %cr2, %rcx          /* before a store below may fault */
    mov %rcx, %gs:V_CR2
    mov %rcx, VCPU_INFO_CR2(%rdx)
    mov %gs:V_RCX, %rcx
    SMAP_STAC
1:  mov %rcx, (%rax)
2:  mov %r11, 8(%rax)
    mov %gs:V_ERROR_CODE, %ecx
    and $PFEC_SHOWN, %ecx
3:  mov %rcx, 16(%rax)
    mov %gs:V_RIP, %rcx
4:  mov %rcx, 24(%rax)
    movzbl VCPU_INFO_MASK(%rdx), %r11d
    shl $32, %r11
    movzwl %gs:V_CS, %ecx
    and $~3, %ecx
    or %r11, %rcx
5:  mov %rcx, 32(%rax)
    mov %gs:V_RFLAGS, %rcx
    test %r11, %r11
    jz 6f
    and $~RFLAGS_IF, %ecx
6:  mov %rcx, 40(%rax)
    mov %gs:V_RSP, %rcx
7:  mov %rcx, 48(%rax)
    movzwl %gs:V_SS, %ecx
8:  mov %rcx, 56(%rax)
    SMAP_CLAC

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

    EX_TABLE 1b, store_fault
    EX_TABLE 2b, store_fault
    EX_TABLE 3b, store_fault
    EX_TABLE 4b, store_fault
    EX_TABLE 5b, store_fault
    EX_TABLE 6b, store_fault
    EX_TABLE 7b, store_fault
    EX_TABLE 8b, store_fault
store_fault:
    SMAP_CLAC
    mov %gs:V_CR2, %rcx
    mov %rcx, %cr2
decline_all:
    mov %gs:V_RCX, %rcx
    mov %gs:V_R11, %r11
    mov %gs:V_RDX, %rdx
decline_rax:
    mov %gs:V_SELF, %rsp
    mov %gs:V_RAX, %rax
    lea V_ERROR_CODE(%rsp), %rsp
decline:
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
