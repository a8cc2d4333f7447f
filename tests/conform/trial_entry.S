/*
 * SPDX-License-Identifier: MIT
 *
 * trial_entry.S - into a trial, and out of it by its first trap.
 *
 * trial_enter() loads every register from struct trial_regs and goes there by the iret hypercall or
 * by IRETQ. A stub for each of 256 vectors and five callbacks stores all registers below the frame
 * that the hypervisor has pushed, and returns to trial_enter's caller with the address of struct
 * trial_stop.
 */
#include <xen/xen.h>

    .section .text, "ax", @progbits

/* struct trial_stop *trial_enter(const struct trial_regs *regs, unsigned by_iretq) */
    .globl trial_enter, trial_iretq, trial_stubs
trial_enter:
    push    %rbx
    push    %rbp
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    mov     %rsp, trial_host_rsp(%rip)
    pushq   (20*8)(%rdi)        /* SS, RSP, RFLAGS, CS, RIP, iret's flags */
    pushq   (19*8)(%rdi)
    pushq   (18*8)(%rdi)
    pushq   (17*8)(%rdi)
    pushq   (16*8)(%rdi)
    pushq   (15*8)(%rdi)
    test    %esi, %esi
    mov     (14*8)(%rdi), %rax
    mov     (13*8)(%rdi), %rbx
    mov     (12*8)(%rdi), %rcx
    mov     (11*8)(%rdi), %rdx
    mov     (10*8)(%rdi), %rsi
    mov     (8*8)(%rdi), %rbp
    mov     (7*8)(%rdi), %r8
    mov     (6*8)(%rdi), %r9
    mov     (5*8)(%rdi), %r10
    mov     (4*8)(%rdi), %r11
    mov     (3*8)(%rdi), %r12
    mov     (2*8)(%rdi), %r13
    mov     (1*8)(%rdi), %r14
    mov     (0*8)(%rdi), %r15
    mov     (9*8)(%rdi), %rdi
    jnz     1f
    jmp     hypercall_page + (__HYPERVISOR_iret * 32)
1:  lea     8(%rsp), %rsp
trial_iretq:
    iretq

trial_common:
    push    %rax
    push    %rbx
    push    %rcx
    push    %rdx
    push    %rsi
    push    %rdi
    push    %rbp
    push    %r8
    push    %r9
    push    %r10
    push    %r11
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    pushfq
    cld
    mov     %cs, %eax
    push    %rax
    mov     %ss, %eax
    push    %rax
    mov     %ds, %eax
    push    %rax
    mov     %es, %eax
    push    %rax
    mov     %fs, %eax
    push    %rax
    mov     %gs, %eax
    push    %rax
    mov     %rsp, %rax
    xor     %edi, %edi
    xchg    %rdi, trial_host_rsp(%rip)
    test    %rdi, %rdi
    jz      trial_in_no_trial
    mov     %rdi, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbp
    pop     %rbx
    ret

trial_in_no_trial:
    mov     %rsp, %rdi
    and     $-16, %rsp
    call    trial_lost

    .balign 16
trial_stubs:                    /* 16 bytes each: 256 vectors, then the callbacks */
.set i, 0
.rept 261
    .balign 16
    pushq   $i
    jmp     trial_common
.set i, i + 1
.endr

    .bss
    .balign 8
trial_host_rsp:
    .skip   8

    .section .note.GNU-stack, "", @progbits
