/* SPDX-License-Identifier: MIT */
/* Everything at zero: VIRT_BASE, ENTRY, the image. No hypercall page: it issues SYSCALL itself. */
#define NOTE_FLAGS "a"
#include "note.h"

NOTE XEN_ELFNOTE_GUEST_OS,    .asciz "zero"
NOTE XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
NOTE XEN_ELFNOTE_LOADER,      .asciz "generic"
NOTE XEN_ELFNOTE_VIRT_BASE,   .quad 0
NOTE XEN_ELFNOTE_ENTRY,       .quad 0

    .data
    .globl hypercall_page_va
hypercall_page_va:
    .quad   0

    .section .note.GNU-stack, "", @progbits
