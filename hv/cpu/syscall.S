/* SPDX-License-Identifier: MIT */
/*
 * SYSCALL and SYSENTER: the way of a hypercall in and out, the iret hypercall in general, system calls
 * that cpu/user.S declines, and the ways in that no 64-bit guest uses. Interrupts are off throughout.
 *
 * Invariants, beside those of cpu/entry.S, whose way out is taken with a complete v->regs only:
 *  - In a hypercall rip, rflags, rsp, r8 and r9 are in v->regs and the callee-saved registers are still
 *    in the CPU.
 *  - A guest gets back its own registers or zeroes, never a value of ours.
 *
 * Who calls it: the CPU, by what cpu/desc.c programs; cpu/user.S; the hypercall table.
 */
#include "cpu/entry.h"
#include "offsets.h"

#define FLAGS_UNSAFE 0x254100 /* TF NT AC ID, and RF: what SYSENTER lets in */

    .text

/* On the hypervisor's stack; no register changes. */
callee_saved_store:
    mov %rbx, %gs:V_RBX
    mov %rbp, %gs:V_RBP
    mov %r12, %gs:V_R12
    mov %r13, %gs:V_R13
    mov %r14, %gs:V_R14
    mov %r15, %gs:V_R15
    ret

arguments_store:
    mov %rdi, %gs:V_RDI
    mov %rsi, %gs:V_RSI
    mov %rdx, %gs:V_RDX
    mov %r10, %gs:V_R10
    mov %r8, %gs:V_R8
    mov %r9, %gs:V_R9
    ret

/* ================================================================== SYSCALL from 64-bit code
 *
 *   in: RCX = guest RIP after SYSCALL, R11 = guest RFLAGS, RSP and GS the guest's, IF = 0
 *       RAX = hypercall, RDI RSI RDX R10 R8 = arguments
 *
 *   v->regs:   rip = RCX   rflags = R11   rsp   r9 r8   (all else: what an older entry left)
 *
 * A hypercall may destroy the registers of its own arguments, and guests count on the others. The table
 * leads straight to the C code of those with three or four, after which RDI, RSI and RDX are 0; to
 * entry_keeping for the rest. R8 and R9 are kept here, R10 is by the C code: it is compiled so.
 *
 * hypercall_limit is 0 in guest-user mode: one comparison tells a hypercall from a number that is
 * too large and from a system call of an application.
 */
    .balign 16
    .globl entry_syscall
entry_syscall:
    swapgs
    mov %rsp, %gs:V_RSP
    mov %gs:V_STACK_TOP, %rsp
    mov %rcx, %gs:V_RIP
    mov %r11, %gs:V_RFLAGS
    cmp %gs:V_HYPERCALL_LIMIT, %rax
    jae syscall_short
    mov %r9, %gs:V_R9
    mov %r8, %gs:V_R8
    mov %r10, %rcx
    lea hypercall_table(%rip), %r11
    call *(%r11, %rax, 8)

    mov %gs:V_EXIT_TEST, %rcx
    cmpb $0, (%rcx)
    jne hypercall_exit_test
hypercall_exit_fast:
    mov %gs:V_RIP, %rcx
    cmp first_noncanonical(%rip), %rcx  /* SYSCALL was the last instruction below 2^47 */
    je hypercall_exit_slow
    xor %edi, %edi
    xor %esi, %esi
    xor %edx, %edx
hypercall_leave:
    mov %gs:V_R8, %r8
    mov %gs:V_R9, %r9
    mov %gs:V_RFLAGS, %r11
    mov %gs:V_RSP, %rsp
    swapgs
    sysretq

/* From the table, with the number in RAX; it returns as SYSCALL does. */
    .balign 16
    .globl entry_keeping
entry_keeping:
    add $8, %rsp
    mov %rdi, %gs:V_RDI
    mov %rsi, %gs:V_RSI
    mov %rdx, %gs:V_RDX
    lea hypercall_functions(%rip), %r11
    call *(%r11, %rax, 8)
keeping_exit:
    mov %gs:V_EXIT_TEST, %rcx
    cmpb $0, (%rcx)
    jne keeping_exit_test
keeping_exit_fast:
    mov %gs:V_RIP, %rcx
    cmp first_noncanonical(%rip), %rcx
    je keeping_exit_slow
    mov %gs:V_RDI, %rdi
    mov %gs:V_RSI, %rsi
    mov %gs:V_RDX, %rdx
    jmp hypercall_leave
keeping_exit_test:
    cmpb $0, 1(%rcx)
    jne keeping_exit_fast
keeping_exit_slow:
    mov $1, %edx
    jmp hypercall_exit_kept

/*
 * xen_version(XENVER_version) from the table: what guests call when all they want is the way out, which
 * delivers events. No register but RAX is touched, so none has to be cleared.
 */
    .globl entry_xen_version
entry_xen_version:
    test %edi, %edi
    jnz entry_keeping
    mov $C_ABI_VERSION, %eax
    mov %gs:V_EXIT_TEST, %rcx
    cmpb $0, (%rcx)
    jne version_exit_slow
    mov %gs:V_RIP, %rcx
    cmp first_noncanonical(%rip), %rcx
    je version_exit_slow
    mov %gs:V_RFLAGS, %r11
    mov %gs:V_RSP, %rsp
    swapgs
    sysretq
version_exit_slow:
    add $8, %rsp
    mov %rdi, %gs:V_RDI
    mov %rsi, %gs:V_RSI
    mov %rdx, %gs:V_RDX
    jmp keeping_exit                    /* looks again */

    .balign 8
first_noncanonical:
    .quad 0x0000800000000000

/* Byte 0 not 0: an event is pending, or there is work. Byte 1 not 0: it is the event, held back. */
hypercall_exit_test:
    cmpb $0, 1(%rcx)
    jne hypercall_exit_fast
hypercall_exit_slow:
    xor %edx, %edx
hypercall_exit_kept:
    call callee_saved_store
    mov %rax, %rdi
    mov %r10, %rsi
    call hypercall_exit                 /* completes v->regs, then as exit_work() */
    jmp exit_restore

/* What cpu/user.S declines. RCX, R11 are stored as RIP and RFLAGS; the rest of the context follows. */
    .globl syscall_slow
syscall_slow:
    call callee_saved_store
    call arguments_store
    mov %rax, %gs:V_RAX
    call trap_syscall
    jmp exit_full

/*
 * Hypercall iret in general: what cpu/user.S declines, with the guest's registers still live (RCX,
 * R11, RAX come from the frame on the guest's stack). Nobody returns to the caller. The
 * callee-saved registers need not leave the CPU.
 */
    .globl iret_general
iret_general:
    call arguments_store
    mov %gs:V_STACK_TOP, %rsp
    call iret_perform
    mov %gs:V_EXIT_TEST, %rcx
    cmpb $0, (%rcx)
    jne iret_exit_test
    cmpl $0, %gs:V_VIA_SYSRET
    jne iret_exit_slow
iret_exit_fast:
    mov %gs:V_SELF, %rcx
    lea V_R11(%rcx), %rsp
    GPRS_POP_CLOBBERED
    add $8, %rsp
    swapgs
    jmp exit_iretq
iret_exit_test:
    cmpb $0, 1(%rcx)
    jne iret_exit_slow
    call callee_saved_store
    call exit_work
    jmp exit_restore
iret_exit_slow:
    call callee_saved_store
    jmp exit_restore

/* ================================================================== SYSCALL from 32-bit code
 * As above; such code cannot make hypercalls, in either mode. */
    .balign 16
    .globl entry_syscall32
entry_syscall32:
    swapgs
    mov %rsp, %gs:V_RSP
    mov %gs:V_STACK_TOP, %rsp
    mov %rcx, %gs:V_RIP
    mov %r11, %gs:V_RFLAGS
    call callee_saved_store
    call arguments_store
    mov %rax, %gs:V_RAX
    call trap_syscall32
    jmp exit_full

/* ================================================================== SYSENTER
 * RIP and RSP of the guest are lost, TF, NT and AC are still the guest's: a single step here is
 * dropped by the #DB handler, which also clears TF. The ABI hands out RIP 0, RSP 0.
 */
    .balign 16
    .globl entry_sysenter
entry_sysenter:
    swapgs
    mov %gs:V_STACK_TOP, %rsp
    pushfq
    popq %gs:V_RFLAGS
    pushfq
    andq $~FLAGS_UNSAFE, (%rsp)
    popfq
    cld
    movq $0, %gs:V_RIP
    movq $0, %gs:V_RSP
    call callee_saved_store
    call arguments_store
    mov %rax, %gs:V_RAX
    mov %rcx, %gs:V_RCX
    mov %r11, %gs:V_R11
    call trap_sysenter
    jmp exit_full

    .section .note.GNU-stack, "", @progbits
