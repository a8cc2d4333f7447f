/* SPDX-License-Identifier: MIT */
/*
 * Entry, traps and hypercalls of the odd kernels, all by addresses relative to RIP: the image runs
 * wherever its form puts it. hypercall_page_va (form_*.S) is 0 in a kernel that has no such page.
 */
#include <xen/xen.h>

    .section .text.start, "ax", @progbits
    .globl _start
_start:
    mov     %rax, entry_regs(%rip)
    mov     %rbx, entry_regs + 8(%rip)
    mov     %rcx, entry_regs + 16(%rip)
    mov     %rdx, entry_regs + 24(%rip)
    mov     %rsi, entry_regs + 32(%rip)
    mov     %rdi, entry_regs + 40(%rip)
    mov     %rbp, entry_regs + 48(%rip)
    mov     %rsp, entry_regs + 56(%rip)
    mov     %r8, entry_regs + 64(%rip)
    mov     %r9, entry_regs + 72(%rip)
    mov     %r10, entry_regs + 80(%rip)
    mov     %r11, entry_regs + 88(%rip)
    mov     %r12, entry_regs + 96(%rip)
    mov     %r13, entry_regs + 104(%rip)
    mov     %r14, entry_regs + 112(%rip)
    mov     %r15, entry_regs + 120(%rip)
    lea     stack_end(%rip), %rsp
    pushfq
    pop     entry_regs + 128(%rip)
    mov     %cs, entry_regs + 136(%rip)
    mov     %ss, entry_regs + 144(%rip)
    mov     %ds, entry_regs + 152(%rip)
    mov     %es, entry_regs + 160(%rip)
    mov     %fs, entry_regs + 168(%rip)
    mov     %gs, entry_regs + 176(%rip)
    cld
    xor     %ebp, %ebp
    call    odd_main
    ud2

    .text
/* long hypercall(nr, a1, a2, a3, a4): by the page if there is one, else by SYSCALL itself. */
    .globl hypercall
hypercall:
    mov     %rdi, %rax
    mov     %rsi, %rdi
    mov     %rdx, %rsi
    mov     %rcx, %rdx
    mov     %r8, %r10
    mov     hypercall_page_va(%rip), %r9
    test    %r9, %r9
    jz      1f
    shl     $5, %rax
    add     %rax, %r9
    jmp     *%r9
1:  syscall
    ret

/* Vector n: RCX and R11 are on the stack, and an error code below them for some. */
    .macro STUB number, error
    .balign 16
    pop     %rcx
    pop     %r11
    .if !\error
    push    $0
    .endif
    push    $\number
    jmp     trap_common
    .endm

    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17
    STUB vector, 1
    .else
    STUB vector, 0
    .endif
    .set vector, vector + 1
    .endr
    .balign 16
    .globl event_stub, syscall_stub, failsafe_stub
event_stub:
    STUB 256, 0
syscall_stub:
    STUB 257, 0
    .balign 16
failsafe_stub:                  /* four data segments lie between */
    pop     %rcx
    pop     %r11
    add     $32, %rsp
    push    $0
    push    $258
    jmp     trap_common

/*
 *   struct trap_regs, from its end: SS RSP RFLAGS CS RIP error number, then what is pushed here.
 *   On the way out the first five and a zero (flags) are what HYPERVISOR_iret returns to, below
 *   RCX, R11 and RAX.
 */
trap_common:
    push    %rax
    push    %rcx
    push    %rdx
    push    %rbx
    push    %rbp
    push    %rsi
    push    %rdi
    push    %r8
    push    %r9
    push    %r10
    push    %r11
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    mov     %rsp, %rdi
    mov     %rsp, %rbx
    and     $-16, %rsp
    cld
    call    trap
    mov     %rbx, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %r11
    pop     %r10
    pop     %r9
    pop     %r8
    pop     %rdi
    pop     %rsi
    pop     %rbp
    pop     %rbx
    pop     %rdx
    pop     %rcx
    pop     %rax
    add     $8, %rsp            /* the number; the error code's place takes the flags */
    movq    $0, (%rsp)
iret_hypercall:
    push    %rcx
    push    %r11
    push    %rax
    mov     $__HYPERVISOR_iret, %eax
    syscall
    ud2

/* void user_enter(rip, rsp) */
    .globl user_enter
user_enter:
    push    %rbx
    push    %rbp
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    mov     %rsp, kernel_rsp(%rip)
    push    $FLAT_USER_SS64
    push    %rsi
    push    $0x202
    push    $FLAT_USER_CS64
    push    %rdi
    push    $0
    jmp     iret_hypercall
user_left:
    mov     kernel_rsp(%rip), %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbp
    pop     %rbx
    ret

/* void user_leave(struct trap_regs *): the trap returns into user_enter()'s caller. */
    .globl user_leave
user_leave:
    lea     user_left(%rip), %rax
    mov     %rax, 136(%rdi)
    movq    $0xe030, 144(%rdi)
    mov     kernel_rsp(%rip), %rax
    mov     %rax, 160(%rdi)
    movq    $FLAT_KERNEL_SS64, 168(%rdi)
    ret

    .data
    .balign 16
    .globl entry_regs
entry_regs:                     /* not in .bss: an entry must not rely on it before it is known */
    .skip   184
kernel_rsp:
    .quad   0

    .section .bss.page_aligned, "aw", @nobits
    .balign 4096
    .skip   16384
    .globl stack_end, trap_stack_end
stack_end:
    .skip   16384
trap_stack_end:

    .section .note.GNU-stack, "", @progbits
