/*
 * SPDX-License-Identifier: MIT
 *
 * The smallest PV64 kernels: each does one thing and is told apart by -D options.
 * Compiled by the tests in tests/system/; runs on Pinion and on Xen alike.
 *
 *   MESSAGE="text"   written by console_io first
 *   REPEAT=n         times that it is written; once without
 *   REASON=n         then SCHEDOP_shutdown with this reason (0 poweroff, 1 reboot, 3 crash)
 *   SPIN             loops for ever instead
 *   FAULT            jumps to an unmapped address with no trap table: the domain dies
 */
#ifndef REPEAT
#define REPEAT 1
#endif
        .set VIRT_BASE, 0xffffffff80000000
        .set CONSOLE_IO, 18
        .set SCHED_OP, 29
        .set SHUTDOWN, 2

        .macro note type, size, value:vararg
        .long 4, \size, \type
        .asciz "Xen"
        \value
        .balign 4
        .endm

        .section .note.Xen, "a", @note
        note 5, 8, .asciz "xen-3.0"                     /* XEN_VERSION */
        note 8, 8, .asciz "generic"                     /* LOADER */
        note 3, 8, .quad VIRT_BASE
        note 1, 8, .quad _start                         /* ENTRY */
        note 2, 8, .quad hypercall_page

        .text
        .globl _start
_start:
        lea     stack_top(%rip), %rsp
        mov     $REPEAT, %ebx
again:  mov     $0, %edi                                /* CONSOLEIO_write */
        mov     $(message_end - message), %esi
        lea     message(%rip), %rdx
        call    hypercall_page + CONSOLE_IO * 32
        dec     %ebx
        jnz     again
#if defined(SPIN)
1:      pause
        jmp     1b
#elif defined(FAULT)
        mov     $0x123456000, %rax
        jmp     *%rax
#else
        mov     $SHUTDOWN, %edi
        lea     reason(%rip), %rsi
        call    hypercall_page + SCHED_OP * 32
        ud2
#endif

        .balign 4096
hypercall_page:
        .skip   4096

        .data
reason: .long   REASON
message:
        .ascii  MESSAGE
message_end:

        .bss
        .balign 16
        .skip   4096
stack_top:
