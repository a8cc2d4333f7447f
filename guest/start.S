/*
 * SPDX-License-Identifier: MIT
 *
 * start.S - the first instructions, the hypercall page and the first stack.
 *
 * Entered once by the domain builder: RSI = VA of start_info, events masked, BSS zeroed.  The boot
 * stack has a guard page below it, which mm/boot_map.c unmaps; a frame that cannot be pushed kills
 * the domain with the hypervisor's own message, never another page's contents.
 */
    .section .text.start, "ax", @progbits
    .globl _start
_start:
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

    /* Its frame is left alone; its address is where shared_info gets mapped. */
    .globl shared_info_page
    .balign 4096
shared_info_page:
    .skip   4096

    .section .note.GNU-stack, "", @progbits
