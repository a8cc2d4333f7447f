/*
 * SPDX-License-Identifier: MIT
 *
 * start.S - the first instructions, the hypercall page and the first stack.
 *
 * Entered once by the domain builder: RSI = VA of start_info, events masked, BSS zeroed.  The boot
 * stack has a guard page below it, which mm/boot_map.c unmaps; a frame that cannot be pushed kills
 * the domain with the hypervisor's own message, never another page's contents.
 *
 * What the TSC was at the first instruction is kept (guest_first_tsc): how long the boot took.
 */
    .section .text.start, "ax", @progbits
    .globl _start
_start:
    rdtsc
    shl     $32, %rdx
    or      %rdx, %rax
    mov     %rax, guest_first_tsc
    cld
    lea     boot_stack_end(%rip), %rsp
    mov     %rsi, %rdi
    xor     %ebp, %ebp
    call    guest_start
    ud2

    .balign 4096
    .globl hypercall_page
hypercall_page:                 /* filled by the builder: 128 stubs of 32 bytes */
    .skip   4096

    .section .bss.page_aligned, "aw", @nobits
    .balign 4096
    .globl boot_stack_guard, boot_stack, boot_stack_end
boot_stack_guard:
    .skip   4096
boot_stack:
    .skip   64 * 1024
boot_stack_end:

    .section .bss, "aw", @nobits
    .balign 8
    .globl guest_first_tsc
guest_first_tsc:
    .skip   8

    .section .bss.page_aligned, "aw", @nobits
    /* Its frame is left alone; its address is where shared_info gets mapped. */
    .globl shared_info_page
    .balign 4096
shared_info_page:
    .skip   4096

    .section .note.GNU-stack, "", @progbits
