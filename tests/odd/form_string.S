/* SPDX-License-Identifier: MIT */
/* No notes at all: the text that kernels had before there were notes; the page is named by its number. */
    .section __xen_guest, "", @progbits
    .ascii  "GUEST_OS=string,XEN_VER=xen-3.0,VIRT_BASE=0xffffffff80000000,"
    .ascii  "ELF_PADDR_OFFSET=0xffffffff80000000,VIRT_ENTRY=0xffffffff80200000,"
    .asciz  "HYPERCALL_PAGE=0x201,LOADER=generic,PAE=yes"

    .section .text.start.page, "ax", @progbits
    .balign 4096
hypercall_page:                 /* 0x201000 from VIRT_BASE: the linker script puts it second */
    .skip   4096

    .data
    .globl hypercall_page_va
hypercall_page_va:
    .quad   hypercall_page

    .section .note.GNU-stack, "", @progbits
