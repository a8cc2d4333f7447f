/*
 * SPDX-License-Identifier: MIT
 *
 * firmware.S - a hypervisor that does nothing but say what the TSC is at its first instruction, as a
 * row of the benchmark: what firmware and loader cost before any hypervisor runs.
 *
 * Multiboot 1, 32 bits, serial port 1; leaves QEMU as Pinion does when its domain powers off.
 */
#define PORT      0x3f8
#define EXIT_PORT 0xf4

    .code32
    .section .text, "ax", @progbits
    .balign 4
    .long   0x1badb002, 0, -0x1badb002

    .globl  _start
_start:
    rdtsc
    mov     $stack_end, %esp
    mov     %eax, %ebx
    mov     %edx, %ebp
    mov     $before, %esi
    call    print
    mov     %ebx, %eax          /* EBP:EBX in decimal, from the last digit up */
    mov     $digits_end, %edi
    mov     $10, %ecx
1:  mov     %ebp, %eax
    xor     %edx, %edx
    div     %ecx
    mov     %eax, %ebp
    mov     %ebx, %eax
    div     %ecx
    mov     %eax, %ebx
    add     $'0', %dl
    dec     %edi
    mov     %dl, (%edi)
    or      %ebp, %eax
    jnz     1b
    mov     %edi, %esi
    call    print
    mov     $after, %esi
    call    print
    mov     $0x10, %eax
    mov     $EXIT_PORT, %edx
    outb    %al, %dx
2:  hlt
    jmp     2b

print:
    mov     $PORT + 5, %edx
3:  inb     %dx, %al
    test    $0x20, %al
    jz      3b
    lodsb
    test    %al, %al
    jz      4f
    mov     $PORT, %edx
    outb    %al, %dx
    jmp     print
4:  ret

    .section .data, "aw", @progbits
before:
    .asciz  "bench firmware ticks="
after:
    .asciz  " ops=1\nTest result: SUCCESS\n"
digits:
    .skip   20
digits_end:
    .byte   0

    .section .bss, "aw", @nobits
    .skip   256
stack_end:

    .section .note.GNU-stack, "", @progbits
