/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader to C. The Multiboot 1 header has the address fields, so that a loader which
 * reads only 32-bit ELF (qemu -kernel) loads the image by them; the Multiboot 2 header serves GRUB
 * on BIOS and on UEFI, which both enter in 32-bit protected mode without paging.
 *
 * Invariant: everything before the jump to start_high runs at physical addresses; PA() names them.
 * Temporary tables map the first 4 GiB twice, at 0 and at DIRECTMAP_VA, and the image at
 * HV_IMAGE_VA, all writable and executable; mm/boot_map.c replaces them.
 *
 * In: EAX magic, EBX machine address of the loader's information. Out: boot_main(magic, info).
 */
#include "mm/layout.h"

#define PA(symbol) ((symbol) - HV_IMAGE_VA + HV_IMAGE_PA)

#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x00010003 /* page-aligned modules, memory map, address fields */
#define MB2_MAGIC 0xe85250d6

#define ENTRY_PWU 0x003      /* present, writable */
#define ENTRY_BIG 0x083      /* and a 2 MiB page */

#define CR4_PAE   0x20
#define EFER_LME_NXE 0x900
#define CR0_BOOT  0x80050033 /* PG AM WP NE ET MP PE */

#define BOOT_STACK_SIZE 8192

    .section .head, "ax"
    .code32
    .balign 8
multiboot1:
    .long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
    .long PA(multiboot1), HV_IMAGE_PA, PA(__load_end), PA(__image_end), PA(boot_entry)

    .balign 8
multiboot2:
    .long MB2_MAGIC, 0, multiboot2_end - multiboot2
    .long -(MB2_MAGIC + (multiboot2_end - multiboot2))
    /* Information request: command line, loader's name, modules, memory map. */
    .balign 8
1:  .short 1, 0
    .long 2f - 1b, 1, 2, 3, 6
2:  /* Entry address. */
    .balign 8
    .short 3, 0
    .long 12, PA(boot_entry)
    /* Modules on page boundaries. */
    .balign 8
    .short 6, 0
    .long 8
    .balign 8
    .short 0, 0
    .long 8
multiboot2_end:

    .globl boot_entry
boot_entry:
    cli
    cld
    mov %eax, %ebp              /* magic and information survive in EBP and ESI */
    mov %ebx, %esi

    mov $PA(__bss_start), %edi
    mov $PA(__image_end), %ecx
    sub %edi, %ecx
    shr $2, %ecx
    xor %eax, %eax
    rep stosl
    mov $PA(boot_stack_top), %esp

    /* A 64-bit CPU with no-execute pages, or nothing. EBX is free from here on. */
    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb cpu_too_old
    mov $0x80000001, %eax
    cpuid
    and $(1 << 29 | 1 << 20), %edx
    cmp $(1 << 29 | 1 << 20), %edx
    jne cpu_too_old

    /* L4: slot 0 and the direct map share the low 4 GiB; slot 261 holds the image. */
    movl $PA(boot_l3_low) + ENTRY_PWU, PA(boot_l4)
    movl $PA(boot_l3_low) + ENTRY_PWU, PA(boot_l4) + 8 * ((DIRECTMAP_VA >> 39) & 511)
    movl $PA(boot_l3_image) + ENTRY_PWU, PA(boot_l4) + 8 * ((HV_IMAGE_VA >> 39) & 511)
    movl $PA(boot_l2_image) + ENTRY_PWU, PA(boot_l3_image) + 8 * ((HV_IMAGE_VA >> 30) & 511)
    movl $HV_IMAGE_PA + ENTRY_BIG, PA(boot_l2_image) + 8 * ((HV_IMAGE_VA >> 21) & 511)
    mov $PA(boot_l2_low) + ENTRY_PWU, %eax
    xor %ecx, %ecx
1:  mov %eax, PA(boot_l3_low)(, %ecx, 8)
    add $4096, %eax
    inc %ecx
    cmp $4, %ecx
    jb 1b
    mov $ENTRY_BIG, %eax
    xor %ecx, %ecx
1:  mov %eax, PA(boot_l2_low)(, %ecx, 8)
    add $0x200000, %eax
    inc %ecx
    cmp $(4 * 512), %ecx
    jb 1b

    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov $PA(boot_l4), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    mov $EFER_LME_NXE, %eax
    xor %edx, %edx
    wrmsr
    mov $CR0_BOOT, %eax
    mov %eax, %cr0
    lgdt PA(boot_gdt_low)
    ljmp $8, $PA(start_long)

/* The serial port may not be set up: say it once, in the plainest way, and stop. */
cpu_too_old:
    mov $PA(cpu_text), %esi
1:  lodsb
    test %al, %al
    jz 2f
    mov $0x3f8, %edx
    out %al, %dx
    jmp 1b
2:  mov $0x1f, %al
    mov $0xf4, %edx
    out %al, %dx
3:  hlt
    jmp 3b

    .code64
start_long:
    movabs $start_high, %rax
    jmp *%rax
start_high:
    lgdt boot_gdt_high(%rip)
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    lea boot_stack_top(%rip), %rsp
    mov %ebp, %edi
    mov %esi, %esi              /* clears the upper half */
    xor %ebp, %ebp
    call boot_main
    ud2

    .section .rodata
    .balign 8
boot_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdt_end:
boot_gdt_low:
    .short boot_gdt_end - boot_gdt - 1
    .long PA(boot_gdt)
    .balign 8
boot_gdt_high:
    .short boot_gdt_end - boot_gdt - 1
    .quad boot_gdt
cpu_text:
    .asciz "(XEN) Panic on CPU 0:\r\n(XEN) Pinion needs a 64-bit CPU with no-execute pages\r\n"

    .section .boot_stack, "aw", @nobits
    .balign 16
    .skip BOOT_STACK_SIZE
    .globl boot_stack_top
boot_stack_top:

    .section .boot_tables, "aw", @nobits
    .balign 4096
boot_l4:
    .skip 4096
boot_l3_low:
    .skip 4096
boot_l3_image:
    .skip 4096
boot_l2_image:
    .skip 4096
boot_l2_low:
    .skip 4 * 4096

    .section .note.GNU-stack, "", @progbits
