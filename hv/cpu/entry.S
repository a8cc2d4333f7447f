/* SPDX-License-Identifier: MIT */
/*
 * Ring transitions: exceptions and interrupts, the general way out of all, the stack switch. SYSCALL and
 * SYSENTER are in cpu/syscall.S. Interrupts are off from entry to exit (the idle loop excepted).
 *
 * Invariants:
 *  - While the hypervisor runs the GS base is the current vCPU (before there is one: struct percpu)
 *    and MSR_SHADOW_GS_BASE is the guest's live GS base; swapgs is the first and the last thing.
 *  - The guest's context is in v->regs, complete.
 *  - A guest gets back its own registers, never a value of ours.
 *
 * Who calls it: the CPU, by what cpu/desc.c programs; cpu/syscall.S, fault.S and user.S; cpu/switch.c
 * for the stack switch.
 */
#include "cpu/desc.h"
#include "cpu/entry.h"
#include "lib/extable.h"
#include "offsets.h"

#define MSR_GS_BASE 0xc0000101

    .text

/* ================================================================== the way out
 *
 * Everything is in v->regs. RSP walks through it, so that the last IRETQ finds its frame:
 *
 *   r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi | err,vec | rip cs rflags rsp ss
 *   ^ RSP before the pops                                               ^ RSP at IRETQ
 */
    .globl exit_full
exit_full:
    mov %gs:V_EXIT_TEST, %rcx
    cmpb $0, (%rcx)
    jne exit_test
    .globl exit_restore
exit_restore:
    mov %gs:V_SELF, %rcx
    lea V_REGS(%rcx), %rsp
    cmpl $0, %gs:V_VIA_SYSRET
    jne exit_sysret
    GPRS_POP
    add $8, %rsp
    swapgs
    .globl exit_iretq
exit_iretq:
    iretq

/* RCX and R11 of the frame are RIP and RFLAGS; who set the flag has seen that RIP is canonical. */
exit_sysret:
    movq $0, %gs:V_VIA_SYSRET
    GPRS_POP
    mov R_RSP - R_ERROR_CODE(%rsp), %rsp
    swapgs
    sysretq

exit_test:
    cmpb $0, 1(%rcx)
    jne exit_restore
    call exit_work
    jmp exit_restore

/* ================================================================== exceptions and interrupts
 *
 *   from ring 3 the CPU pushes into v->regs (TSS.RSP0 is its end), from ring 0 on the present stack:
 *
 *      SS RSP RFLAGS CS RIP [error code, or 0 by the stub], then the stub writes the vector above
 *      the error code's 32 bits, then the registers: struct cpu_regs at RSP.
 */
.macro ENTRY name, guest, hypervisor
    .balign 16
\name:
    GPRS_PUSH
    testb $3, R_CS(%rsp)
    jz \hypervisor
    swapgs
    SMAP_CLAC
    cld
    mov %rsp, %rdi
    mov %gs:V_STACK_TOP, %rsp
    call \guest
    jmp exit_full
.endm

    .globl entry_page_fault
ENTRY entry_page_fault, trap_page_fault, hv_exception
ENTRY entry_exception, trap_exception, hv_exception
ENTRY entry_interrupt, trap_interrupt, hv_interrupt

/* An exception of our own. Two instructions fault with the guest's GS in place. */
hv_exception:
    cld
    lea exit_iretq(%rip), %rcx
    cmp %rcx, R_RIP(%rsp)
    je iretq_fault
    lea gs_load(%rip), %rcx
    cmp %rcx, R_RIP(%rsp)
    je gs_load_fault
    mov %rsp, %rdi
    sub $8, %rsp
    call trap_hypervisor
hv_return:
    add $8, %rsp
    GPRS_POP
    add $8, %rsp
    iretq

hv_interrupt: /* the idle loop's */
    cld
    mov %rsp, %rdi
    sub $8, %rsp
    call trap_interrupt
    jmp hv_return

/*
 * The guest's frame was refused by IRETQ. The CPU has pushed below it, over the part of v->regs that
 * was already in the registers: those are at RSP now and move back.
 */
iretq_fault:
    swapgs
    mov %rsp, %rdi
    mov %gs:V_STACK_TOP, %rsp
    call trap_iretq
    jmp exit_full

gs_load_fault:
    lea gs_load_failed(%rip), %rcx
    mov %rcx, R_RIP(%rsp)
    GPRS_POP
    add $8, %rsp
    iretq

/*
 * #DB, NMI, #DF, #MC: own stacks, since they may come where neither RSP nor GS is ours. The word at
 * the top of such a stack, above the frame, points to the CPU's struct percpu. From ring 3 the frame
 * moves to v->regs and all is as for any exception; from ring 0 GS is set, whatever it was, and put
 * back.
 */
    .balign 16
entry_own_stack:
    GPRS_PUSH
    cld
    testb $3, R_CS(%rsp)
    jz 1f
    swapgs
    SMAP_CLAC
    mov %gs:V_SELF, %rbx
    add $V_REGS, %rbx
    mov %rbx, %rdi
    mov %rsp, %rsi
    mov $R_WORDS, %ecx
    rep movsq
    mov %gs:V_STACK_TOP, %rsp
    mov %rbx, %rdi
    call trap_exception
    jmp exit_full
1:
    mov $MSR_GS_BASE, %ecx
    rdmsr
    mov %eax, %r12d
    mov %edx, %r13d
    mov R_SIZE(%rsp), %rax
    mov %rax, %rdx
    shr $32, %rdx
    wrmsr
    mov %rsp, %rdi
    sub $8, %rsp
    call trap_own_stack
    mov $MSR_GS_BASE, %ecx
    mov %r12d, %eax
    mov %r13d, %edx
    wrmsr
    jmp hv_return

/* ================================================================== context switch
 * void stack_switch_to(uint64_t *save_rsp, uint64_t load_rsp) */
    .globl stack_switch_to
stack_switch_to:
    CALLEE_SAVED_PUSH
    push %r10
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r10
    CALLEE_SAVED_POP
    ret

/*
 * bool segment_load_gs(uint16_t selector): the guest's GS. The LDT page was made present before
 * (VERR), so that a fault here means a bad selector and needs no C.
 */
    .globl segment_load_gs
segment_load_gs:
    swapgs
gs_load:
    mov %edi, %gs
    swapgs
    mov $1, %eax
    ret
gs_load_failed:
    xor %eax, %eax
    mov %eax, %gs
    swapgs
    ret

/* ================================================================== stubs, one for each vector
 *
 * 16 bytes each for exceptions; for interrupts that somebody raises 8 bytes, which push the vector
 * less 128, so that it fits one byte: interrupt_common makes the usual word {0, vector} of it. */
.macro EXCEPTION_STUB vector
    .balign 16
    .if \vector != 8 && \vector != 10 && \vector != 11 && \vector != 12 && \vector != 13 && \
        \vector != 14 && \vector != 17 && \vector != 21 && \vector != 29 && \vector != 30
    push $0
    .endif
    movl $\vector, R_VECTOR - R_ERROR_CODE(%rsp)
    .if \vector == 14
    jmp fault_short
    .elseif \vector == 1 || \vector == 2 || \vector == 8 || \vector == 18
    jmp entry_own_stack
    .else
    jmp entry_exception
    .endif
.endm

    .globl exception_stubs
    .balign 16
exception_stubs:
    .set vector, 0
    .rept 32
    EXCEPTION_STUB vector
    .set vector, vector + 1
    .endr

    .globl interrupt_stubs
    .balign 8
interrupt_stubs:
    .set vector, INTERRUPT_STUBS_FIRST
    .rept 256 - INTERRUPT_STUBS_FIRST
    .balign 8
    push $(vector - 128)
    jmp interrupt_common
    .set vector, vector + 1
    .endr

    .globl int80_stub
int80_stub:
    push $(0x80 - 128)

interrupt_common:
    addq $128, (%rsp)
    shlq $32, (%rsp)
    jmp entry_interrupt

    .section .note.GNU-stack, "", @progbits
