/* SPDX-License-Identifier: MIT */
/* Notes in a section that no program header names; the entry is the ELF header's; loads at 1 MiB. */
#define NOTE_FLAGS ""
#include "note.h"

NOTE XEN_ELFNOTE_GUEST_OS,       .asciz "section"
NOTE XEN_ELFNOTE_XEN_VERSION,    .asciz "xen-3.0"
NOTE XEN_ELFNOTE_LOADER,         .asciz "generic"
NOTE XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page

    .text
    .balign 4096
hypercall_page:
    .skip   4096

    .data
    .globl hypercall_page_va
hypercall_page_va:
    .quad   hypercall_page

    .section .note.GNU-stack, "", @progbits
