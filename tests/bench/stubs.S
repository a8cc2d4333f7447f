/*
 * SPDX-License-Identifier: MIT
 *
 * stubs.S - the leanest handlers there can be, for measuring what the hypervisor costs; the way into
 * user mode and back; the user programs.
 *
 * The hypervisor enters with RCX, R11, [error code,] RIP, CS, RFLAGS, RSP, SS on the stack. Each stub
 * keeps the registers that C may destroy and returns by the iret hypercall.
 */
#include <xen/xen.h>

#define IRET_STUB      hypercall_page + (__HYPERVISOR_iret * 32)
#define UPCALL_PENDING shared_info_page
#define PENDING_SEL    shared_info_page + 8
#define PENDING_WORD_0 shared_info_page + 2048
#define USER_TEXT_VA   0x400000

    .section .text, "ax", @progbits

/* A page fault: bench_fault_call resolves it. */
    .globl bench_fault_entry
bench_fault_entry:
    pop     %rcx
    pop     %r11
    push    %rax
    push    %rcx
    push    %rdx
    push    %rsi
    push    %rdi
    push    %r8
    push    %r9
    push    %r10
    push    %r11
    sub     $8, %rsp            /* the C ABI wants 16 at the call */
    call    *bench_fault_call
    add     $8, %rsp
    pop     %r11
    pop     %r10
    pop     %r9
    pop     %r8
    pop     %rdi
    pop     %rsi
    pop     %rdx
    pop     %rcx
    pop     %rax
    movq    $0, (%rsp)          /* the error code's slot is iret's flags word */
    jmp     IRET_STUB

/* An upcall: clears what was pending and counts. */
    .globl bench_event_entry
bench_event_entry:
    pop     %rcx
    pop     %r11
    movb    $0, UPCALL_PENDING
    movq    $0, PENDING_SEL
    movq    $0, PENDING_WORD_0
    incq    bench_events
    push    $0
    jmp     IRET_STUB

/*
 * uint64_t bench_user_run(uint64_t rip, uint64_t rdi, uint64_t rsi)
 * Enters user mode; returns what the program leaves in RAX at its first SYSCALL.
 */
    .globl bench_user_run
bench_user_run:
    push    %rbx
    push    %rbp
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    mov     %rsp, kernel_rsp
    mov     %rdi, %rax
    mov     %rsi, %rdi
    mov     %rdx, %rsi
    push    $FLAT_USER_SS
    push    $0
    push    $0x202
    push    $FLAT_USER_CS
    push    %rax
    push    $0
    jmp     IRET_STUB

    .globl bench_syscall_entry
bench_syscall_entry:
    mov     kernel_rsp, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbp
    pop     %rbx
    ret

/* ---- the user programs, run at USER_TEXT_VA ---- */
    .globl bench_user_text, bench_user_touch, bench_user_fault, bench_user_end
    .balign 16
bench_user_text:

/* Writes RSI pages from RDI on. */
bench_user_touch:
    mov     %rdi, (%rdi)
    add     $4096, %rdi
    dec     %rsi
    jnz     bench_user_touch
    syscall

/* Writes one word at RDI; result: the ticks that took. */
bench_user_fault:
    lfence
1:  rdtsc
    shl     $32, %rdx
    lea     (%rax, %rdx), %rsi
    movq    $1, (%rdi)
    lfence
2:  rdtsc
    shl     $32, %rdx
    add     %rdx, %rax
    sub     %rsi, %rax
    syscall
bench_user_end:

    .pushsection .bench_marks, "", @progbits
    .quad   1b - bench_user_text + USER_TEXT_VA, 1
    .quad   2b - bench_user_text + USER_TEXT_VA, 0
    .popsection

    .section .bss, "aw", @nobits
    .balign 8
    .globl bench_fault_call, bench_events
bench_fault_call:
    .skip   8
bench_events:
    .skip   8
kernel_rsp:
    .skip   8

    .section .note.GNU-stack, "", @progbits
