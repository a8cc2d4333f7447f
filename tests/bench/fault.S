/*
 * SPDX-License-Identifier: MIT
 *
 * fault.S - the leanest page-fault handler there can be, for measuring what the hypervisor costs.
 *
 * The hypervisor enters with RCX, R11, error code, RIP, CS, RFLAGS, RSP, SS on the stack. The handler
 * keeps the registers a C function may destroy, calls bench_fault(), and returns by the iret hypercall.
 */
#include <xen/xen.h>

    .section .text, "ax", @progbits
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
    call    bench_fault
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
    jmp     hypercall_page + (__HYPERVISOR_iret * 32)

    .section .note.GNU-stack, "", @progbits
