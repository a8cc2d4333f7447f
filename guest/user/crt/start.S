/*
 * SPDX-License-Identifier: MIT
 *
 * start.S - where a user program begins: RSP points at argc, argv[], NULL.
 */
    .section .text, "ax", @progbits
    .globl _start
_start:
    xor     %ebp, %ebp
    mov     (%rsp), %rdi
    lea     8(%rsp), %rsi
    and     $-16, %rsp
    call    user_start
    ud2

/* long sys_call(long number, long a1, long a2, long a3) */
    .globl sys_call
sys_call:
    mov     %rdi, %rax
    mov     %rsi, %rdi
    mov     %rdx, %rsi
    mov     %rcx, %rdx
    syscall
    ret

    .section .note.GNU-stack, "", @progbits
