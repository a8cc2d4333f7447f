/*
 * SPDX-License-Identifier: MIT
 *
 * entry.S - the guest's ring transitions: entry stubs, the one way out, the catch, the switch.
 *
 * The hypervisor enters a stub with this frame (16-aligned at its top):
 *
 *      rsp+..  SS
 *              RSP of what was interrupted
 *              RFLAGS, IF = events were unmasked
 *              CS; byte 4 = saved upcall mask; low two bits 0 for the kernel
 *              RIP
 *             [error code: vectors 8,10..14,17,21,30 only]
 *              R11
 *      rsp+0   RCX
 *
 * RCX and R11 hold the hypervisor's SYSRET values by now, so the stub pops the true ones first; then
 * a zero stands in for a missing error code, and struct trap_frame (traps.h) is completed downward:
 * vector, 15 registers, 512 bytes of FPU image.
 *
 * The way out is always the iret hypercall.  It restores the event mask and the registers in one
 * step, from kernel and user mode alike; a plain ring-3 IRETQ would save it for some kernel frames,
 * but leaves a window between unmasking and returning.
 */
#include <xen/xen.h>

#define FRAME_FPU_SIZE 512

    .section .text, "ax", @progbits

.macro STUB vector, has_error
    .balign 16
trap_stub_\vector:
    pop     %rcx
    pop     %r11
    .if !\has_error
    push    $0
    .endif
    push    $\vector
    jmp     trap_common
.endm

.altmacro
.macro STUB_EXCEPTION n
    .if (\n == 8) || ((\n >= 10) && (\n <= 14)) || (\n == 17) || (\n == 21) || (\n == 30)
    STUB \n, 1
    .else
    STUB \n, 0
    .endif
.endm

.set i, 0
.rept 32
    STUB_EXCEPTION %i
    .set i, i + 1
.endr
    STUB 32, 0                  /* event callback */
    STUB 34, 0                  /* syscall callback: RCX, R11 slots as the SYSCALL left them */

    /* Failsafe frame: RCX, R11, DS, ES, FS, GS, RIP...; the selectors are loaded NUL by now. */
    .balign 16
trap_stub_33:
    pop     %rcx
    pop     %r11
    add     $(4 * 8), %rsp
    push    $0
    push    $33

trap_common:
    push    %rdi
    push    %rsi
    push    %rdx
    push    %rcx
    push    %rax
    push    %r8
    push    %r9
    push    %r10
    push    %r11
    push    %rbx
    push    %rbp
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    cld
    sub     $FRAME_FPU_SIZE, %rsp
    fxsave64 (%rsp)
    mov     %rsp, %rdi
    xor     %ebp, %ebp
    call    trap_dispatch

trap_exit:
    fxrstor64 (%rsp)
    add     $FRAME_FPU_SIZE, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbp
    pop     %rbx
    pop     %r11
    pop     %r10
    pop     %r9
    pop     %r8
    pop     %rax
    pop     %rcx
    pop     %rdx
    pop     %rsi
    pop     %rdi
    add     $8, %rsp            /* vector */
    movq    $0, (%rsp)          /* error code's slot is iret's flags: not a SYSRET */
    jmp     hypercall_page + (__HYPERVISOR_iret * 32)   /* its pushes: RCX, R11, RAX */

/* void trap_return(struct trap_frame *frame) */
    .globl trap_return
trap_return:
    mov     %rdi, %rsp
    jmp     trap_exit

/*
 * int trap_catch_call(uint64_t *saved_rsp, void (*fn)(void *), void *arg)
 * 0 when fn returned; 1 when traps.c sent a trap to trap_catch_landing with RSP = *saved_rsp.
 */
    .globl trap_catch_call, trap_catch_landing
trap_catch_call:
    push    %rbx
    push    %rbp
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    sub     $8, %rsp
    stmxcsr (%rsp)
    mov     %rsp, (%rdi)
    mov     %rdx, %rdi
    call    *%rsi
    xor     %eax, %eax
trap_catch_landing:
    ldmxcsr (%rsp)
    add     $8, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbp
    pop     %rbx
    ret

/*
 * void thread_switch_stack(uint64_t *save_rsp, uint64_t load_rsp)
 * Keeps what the C ABI lets a callee keep: six registers, MXCSR and the x87 control word.
 */
    .globl thread_switch_stack
thread_switch_stack:
    push    %rbx
    push    %rbp
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    sub     $8, %rsp
    stmxcsr (%rsp)
    fnstcw  4(%rsp)
    mov     %rsp, (%rdi)
    mov     %rsi, %rsp
    ldmxcsr (%rsp)
    fldcw   4(%rsp)
    add     $8, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbp
    pop     %rbx
    ret

    /* Addresses of the stubs by number: 32 exceptions, then event, failsafe, syscall. */
    .section .rodata, "a", @progbits
    .balign 8
    .globl trap_stubs
.macro STUB_ADDRESS n
    .quad   trap_stub_\n
.endm
trap_stubs:
.set i, 0
.rept 35
    STUB_ADDRESS %i
    .set i, i + 1
.endr

    .section .note.GNU-stack, "", @progbits
