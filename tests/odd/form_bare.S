/* SPDX-License-Identifier: MIT */
/* A high kernel as today's: PT_NOTE, entry and base by notes, features asked for; no hypercall page. */
#define NOTE_FLAGS "a"
#include "note.h"

NOTE XEN_ELFNOTE_GUEST_OS,           .asciz "bare"
NOTE XEN_ELFNOTE_XEN_VERSION,        .asciz "xen-3.0"
NOTE XEN_ELFNOTE_LOADER,             .asciz "generic"
NOTE XEN_ELFNOTE_VIRT_BASE,          .quad 0xffffffff80000000
NOTE XEN_ELFNOTE_PADDR_OFFSET,       .quad 0
NOTE XEN_ELFNOTE_ENTRY,              .quad _start
NOTE XEN_ELFNOTE_FEATURES,           .asciz "!writable_page_tables|pae_pgdir_above_4gb"
NOTE XEN_ELFNOTE_PAE_MODE,           .asciz "yes"

    .data
    .globl hypercall_page_va
hypercall_page_va:
    .quad   0

    .section .note.GNU-stack, "", @progbits
