/*
 * SPDX-License-Identifier: MIT
 *
 * shot.S - into a piece of code with all registers chosen, and out of it whatever it did.
 *
 * The way in is the iret hypercall (or a jump, RFLAGS and mode being the caller's then). The ways out:
 * the end of a kernel snippet jumps to shot_land; a stub of the trap table leaves by shot_leave. No
 * register and no stack can be relied on, so everything is kept in static memory at RIP-relative
 * addresses, one area for each kind of entry that may interrupt another.
 */
#include <xen/xen.h>

#define SHOT_IN      0
#define SHOT_FRAME   128
#define SHOT_OUT     (128 + 72)
#define SHOT_FLAGS   (SHOT_OUT + 128)
#define SHOT_SEGMENT (SHOT_FLAGS + 8)

#define ENTRY_FLAGS   128
#define ENTRY_SEGMENT 136
#define ENTRY_BACK    152

    .text

.macro GPRS_PUT at
    mov %rax, \at(%rip)
    mov %rcx, \at+8(%rip)
    mov %rdx, \at+16(%rip)
    mov %rbx, \at+24(%rip)
    mov %rsp, \at+32(%rip)
    mov %rbp, \at+40(%rip)
    mov %rsi, \at+48(%rip)
    mov %rdi, \at+56(%rip)
    mov %r8, \at+64(%rip)
    mov %r9, \at+72(%rip)
    mov %r10, \at+80(%rip)
    mov %r11, \at+88(%rip)
    mov %r12, \at+96(%rip)
    mov %r13, \at+104(%rip)
    mov %r14, \at+112(%rip)
    mov %r15, \at+120(%rip)
.endm

/* All that the iret hypercall does not load. */
.macro GPRS_GET at
    mov \at+16(%rip), %rdx
    mov \at+24(%rip), %rbx
    mov \at+40(%rip), %rbp
    mov \at+48(%rip), %rsi
    mov \at+56(%rip), %rdi
    mov \at+64(%rip), %r8
    mov \at+72(%rip), %r9
    mov \at+80(%rip), %r10
    mov \at+96(%rip), %r12
    mov \at+104(%rip), %r13
    mov \at+112(%rip), %r14
    mov \at+120(%rip), %r15
.endm

/* Segment registers as they are; then those that matter to nobody are NUL. */
.macro SEGMENTS_PUT at
    mov %es, \at(%rip)
    mov %cs, \at+2(%rip)
    mov %ss, \at+4(%rip)
    mov %ds, \at+6(%rip)
    mov %fs, \at+8(%rip)
    mov %gs, \at+10(%rip)
    xor %eax, %eax
    mov %eax, %es
    mov %eax, %ds
    mov %eax, %fs
    mov %eax, %gs
    mov $FLAT_KERNEL_SS, %eax
    mov %eax, %ss
.endm

/* void shot_fire(void) */
    .globl shot_fire
shot_fire:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, home_rsp(%rip)
    GPRS_GET shot+SHOT_IN
    lea shot+SHOT_FRAME(%rip), %rsp
    mov $__HYPERVISOR_iret, %eax
    syscall

    .globl shot_land, shot_leave
shot_land:
    GPRS_PUT shot+SHOT_OUT
    mov home_rsp(%rip), %rsp
    pushfq
    popq shot+SHOT_FLAGS(%rip)
    SEGMENTS_PUT shot+SHOT_SEGMENT
shot_leave:
    mov home_rsp(%rip), %rsp
    pushq $2
    popfq
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

/* Registers to `area`, then C on `stack`: true goes back to where the frame says. */
.macro ENTER area, stack, function
    GPRS_PUT \area
    lea \stack(%rip), %rsp
    pushfq
    popq \area+ENTRY_FLAGS(%rip)
    cld
    SEGMENTS_PUT \area+ENTRY_SEGMENT
    xor %ebp, %ebp
    call \function
    test %al, %al
    jz shot_leave
    GPRS_GET \area
    lea \area+ENTRY_BACK(%rip), %rsp
    mov $__HYPERVISOR_iret, %eax
    syscall
.endm

trap_common:
    ENTER trap_entry, trap_stack_end, trap_taken

    .globl stub_event, stub_nmi, stub_failsafe, stub_syscall, stub_syscall32, stub_sysenter
stub_event:
    ENTER event_entry, event_stack_end, event_taken
stub_nmi:
    ENTER nmi_entry, nmi_stack_end, nmi_taken
stub_failsafe:
    movl $256, trap_vector(%rip)
    jmp trap_common
stub_syscall:
    movl $257, trap_vector(%rip)
    jmp trap_common
stub_syscall32:
    movl $258, trap_vector(%rip)
    jmp trap_common
stub_sysenter:
    movl $259, trap_vector(%rip)
    jmp trap_common

    .globl trap_stubs_256
    .balign 16
trap_stubs_256:
    .set vector, 0
    .rept 256
    .balign 16
    movl $vector, trap_vector(%rip)
    jmp trap_common
    .set vector, vector + 1
    .endr

    .bss
    .balign 16
    .skip 16384
trap_stack_end:
    .skip 16384
event_stack_end:
    .skip 16384
nmi_stack_end:
home_rsp:
    .skip 8

    .section .note.GNU-stack, "", @progbits
