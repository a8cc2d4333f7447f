/* SPDX-License-Identifier: MIT */
/*
 * The short ways between a guest's user mode and its kernel: a process faults or makes a system
 * call, the kernel returns by hypercall iret. The same as pv/bounce.c, pv/iret.c and
 * vcpu_toggle_mode(), which say what each word is, without saving registers that the guest gets
 * back anyhow.
 *
 * Anything else declines into the general way with every register as it was: work on the way out, a
 * stack or frame that cannot be had, no handler, no user tables. Until then nothing has changed but
 * words of the guest's stack, which the general way writes again, and fields of v->regs that it sets.
 *
 * Invariant: v->fault_handler is not 0 only while bounce_fault_route() holds, so that no frame has
 * an IOPL to show. While GS is ours, the mode (in_user, hypercall_limit), CR3 and the guest's GS
 * base change together. Called by: cpu/fault.S, cpu/syscall.S; the hypercall table.
 */
#include "cpu/entry.h"
#include "cpu/user.h"
#include "lib/extable.h"

#define MSR_SHADOW_GS_BASE 0xc0000102
#define VGCF_IN_SYSCALL    0x100
#define IRET_FRAME_BYTES   72
#define RFLAGS_ALWAYS      0x202
#define RFLAGS_GUEST       0x254dd5 /* as pv/iret.c */
#define RFLAGS_DF          0x400

/*
 * RAX: kernel_sp, aligned, less bytes; in RDX the vcpu_info. Jumps if it is in the hypervisor's
 * slots.
 */
.macro KERNEL_STACK bytes, bad
    mov %gs:V_KERNEL_SP, %rax
    and $-16, %rax
    sub $\bytes, %rax
    GUEST_VA_CHECK %rax, %rdx, \bad
    mov %gs:V_INFO, %rdx
.endm

    .text
/*
 * vcpu_toggle_mode(): the live GS base is kept, the other one loaded, then the tables. Uses RAX RCX
 * RDX.
 */
.macro TOGGLE keep, load, in_user, limit, cr3
    mov $MSR_SHADOW_GS_BASE, %ecx
    rdmsr
    mov %eax, %gs:\keep
    mov %edx, %gs:\keep + 4
    mov %gs:\load, %eax
    mov %gs:\load + 4, %edx
    wrmsr
    movl $\in_user, %gs:V_IN_USER
    movq $\limit, %gs:V_HYPERCALL_LIMIT
    mov %gs:\cr3, %rax                  /* tlb_load_root() */
    mov %gs:V_CPU, %rcx
    mov %rax, PCPU_CR3(%rcx)
    incq PCPU_FLUSH_CLOCK(%rcx)
    mov %rax, %cr3
.endm

to_kernel:
    TOGGLE V_GS_USER, V_GS_KERNEL, 0, C_HYPERCALLS, V_CR3_KERNEL
    ret
to_user:
    TOGGLE V_GS_KERNEL, V_GS_USER, 1, 0, V_CR3_USER
    ret

/*
 * A page fault in user mode, from fault_short: GS is ours, RSP at the error code in v->regs,
 * nothing saved.
 *
 *   on the kernel's stack, below kernel_sp & ~15: RCX | R11 | error code | RIP | CS, mask | RFLAGS | RSP | SS
 */
    .balign 16
    .globl fault_user
fault_user:
    FAULT_BEGIN PFEC_P | PFEC_W | PFEC_I
    mov %cr2, %rax                      /* before a store below may fault */
    mov %rax, %gs:V_CR2
    call to_kernel
    KERNEL_STACK 64, .Lfault_user_back
    mov %gs:V_CR2, %rcx
    mov %rcx, VCPU_INFO_CR2(%rdx)
    FAULT_FRAME PFEC_U | PFEC_P | PFEC_W | PFEC_I, 0xffff, .Lfault_user_store
    FAULT_HANDLER

.Lfault_user_store:
    SMAP_CLAC
.Lfault_user_back:
    call to_user
    mov %gs:V_CR2, %rcx
    mov %rcx, %cr2
    jmp fault_decline_all

/*
 * SYSCALL in user mode, or with a number that no hypercall has: RIP, RFLAGS and RSP are in v->regs,
 * RCX and R11 free. As above, without an error code, RCX being RIP:
 *
 *   RCX | R11 | RIP | CS, mask | RFLAGS | RSP | SS
 */
    .balign 16
    .globl syscall_short
syscall_short:
    cmpl $0, %gs:V_IN_USER
    je syscall_slow
    mov %gs:V_EXIT_TEST, %rcx
    cmpb $0, (%rcx)
    jne syscall_slow
    cmpq $0, %gs:V_FAULT_HANDLER
    je syscall_slow
    mov %gs:V_SYSCALL_VA, %rcx          /* there is one, and it is canonical: SYSRET would fault in ring 0 */
    mov %rcx, %r11
    shl $16, %r11
    jz syscall_slow
    sar $16, %r11
    cmp %rcx, %r11
    jne syscall_slow
    mov %rax, %gs:V_RAX
    mov %rdx, %gs:V_RDX
    call to_kernel
    KERNEL_STACK 56, .Lsyscall_back
    mov %gs:V_RFLAGS, %r11
    mov %gs:V_RIP, %rcx
    SMAP_STAC
1:  mov %rcx, (%rax)
2:  mov %r11, 8(%rax)
3:  mov %rcx, 16(%rax)
    movzbl VCPU_INFO_MASK(%rdx), %ecx
    test %ecx, %ecx
    jz 4f
    and $~RFLAGS_IF, %r11d
4:  mov %r11, 32(%rax)
    shl $32, %rcx
    or $C_FLAT_CS64, %rcx
5:  mov %rcx, 24(%rax)
    mov %gs:V_RSP, %rcx
6:  mov %rcx, 40(%rax)
7:  movq $C_FLAT_SS64, 48(%rax)
    SMAP_CLAC
    mov %gs:V_SYSCALL_MASK, %cl
    or %cl, VCPU_INFO_MASK(%rdx)
    mov %gs:V_RFLAGS, %r11
    and $~(RFLAGS_CLEAR | RFLAGS_DF), %r11
    mov %gs:V_SYSCALL_VA, %rcx
    mov %gs:V_RDX, %rdx
    mov %rax, %rsp
    mov %gs:V_RAX, %rax
    swapgs
    sysretq

    EX_TABLE 1b, .Lsyscall_store
    EX_TABLE 2b, .Lsyscall_store
    EX_TABLE 3b, .Lsyscall_store
    EX_TABLE 4b, .Lsyscall_store
    EX_TABLE 5b, .Lsyscall_store
    EX_TABLE 6b, .Lsyscall_store
    EX_TABLE 7b, .Lsyscall_store
.Lsyscall_store:
    SMAP_CLAC
.Lsyscall_back:
    call to_user
    mov %gs:V_RAX, %rax
    mov %gs:V_RDX, %rdx
    jmp syscall_slow

/*
 * Hypercall iret, called through the table: RAX, RCX, R11 are free and come from the frame at the
 * guest's RSP, all other registers are the guest's to keep.
 *
 *   RAX | R11 | RCX | flags | RIP | CS | RFLAGS | RSP | SS
 */
    .balign 16
    .globl hc_iret
hc_iret:
    mov %rdx, %gs:V_RDX
    mov %gs:V_EXIT_TEST, %rcx
    cmpb $0, (%rcx)
    jne iret_general
    cmpb $0, %gs:V_NMI_PENDING
    jne iret_general
    cmpq $0, %gs:V_FAULT_HANDLER
    je iret_general
    mov %gs:V_RSP, %rax
    cmp $-IRET_FRAME_BYTES, %rax
    ja iret_general
    GUEST_VA_CHECK %rax, %rcx, iret_general
    SMAP_STAC
1:  mov 24(%rax), %rcx
    test $VGCF_IN_SYSCALL, %ecx
    jnz .Liret_decline
2:  mov 40(%rax), %rdx
    mov %edx, %ecx
    or $3, %ecx
    mov %cx, %gs:V_CS
    not %edx
    and $3, %edx                        /* 0: to user mode */
    jnz 3f
    cmpq $0, %gs:V_CR3_USER
    je .Liret_decline
3:  mov (%rax), %rcx
    mov %rcx, %gs:V_RAX
4:  mov 8(%rax), %rcx
    mov %rcx, %gs:V_R11
5:  mov 16(%rax), %rcx
    mov %rcx, %gs:V_RCX
6:  mov 32(%rax), %rcx
    mov %rcx, %gs:V_RIP
7:  mov 64(%rax), %rcx
    or $3, %ecx
    mov %cx, %gs:V_SS
8:  mov 48(%rax), %r11
9:  mov 56(%rax), %rax
    SMAP_CLAC
    mov %rax, %gs:V_RSP                 /* from here on there is no way back */
    mov %gs:V_INFO, %rax
    test $RFLAGS_IF, %r11d
    setz VCPU_INFO_MASK(%rax)
    and $RFLAGS_GUEST, %r11d
    or $RFLAGS_ALWAYS, %r11d
    mov %r11, %gs:V_RFLAGS
    movb $0, %gs:V_NMI_MASKED
    test %edx, %edx
    jnz 10f
    call to_user
10: mov %gs:V_SELF, %rcx
    lea V_RIP(%rcx), %rsp
    mov %gs:V_RAX, %rax
    mov %gs:V_RCX, %rcx
    mov %gs:V_RDX, %rdx
    mov %gs:V_R11, %r11
    swapgs
    jmp exit_iretq

    EX_TABLE 1b, .Liret_decline
    EX_TABLE 2b, .Liret_decline
    EX_TABLE 3b, .Liret_decline
    EX_TABLE 4b, .Liret_decline
    EX_TABLE 5b, .Liret_decline
    EX_TABLE 6b, .Liret_decline
    EX_TABLE 7b, .Liret_decline
    EX_TABLE 8b, .Liret_decline
    EX_TABLE 9b, .Liret_decline
.Liret_decline:
    SMAP_CLAC
    mov %gs:V_RDX, %rdx
    jmp iret_general

    .section .note.GNU-stack, "", @progbits
