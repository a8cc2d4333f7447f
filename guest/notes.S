/*
 * SPDX-License-Identifier: MIT
 *
 * notes.S - what the domain builder must know, as ELF notes of owner "Xen" in a PT_NOTE segment.
 *
 * No INIT_P2M and no MOD_START_PFN: the p2m list and the ramdisk are mapped in the initial region.
 * "!writable_page_tables" says that this kernel keeps its page tables read-only by itself;
 * SUPPORTED_FEATURES needs its dom0 bit, or a builder refuses the image as initial domain.
 */
#include <xen/elfnote.h>
#include <xen/features.h>

.macro NOTE type, desc:vararg
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \desc
2:  .balign 4
    .popsection
.endm

#define GUEST_FEATURES                                                                             \
    ((1 << XENFEAT_writable_page_tables) | (1 << XENFEAT_dom0) |                                   \
     (1 << XENFEAT_linux_rsdp_unrestricted))

NOTE XEN_ELFNOTE_GUEST_OS,           .asciz "Pinion guest"
NOTE XEN_ELFNOTE_GUEST_VERSION,      .asciz "0.2"
NOTE XEN_ELFNOTE_XEN_VERSION,        .asciz "xen-3.0"
NOTE XEN_ELFNOTE_LOADER,             .asciz "generic"
NOTE XEN_ELFNOTE_VIRT_BASE,          .quad VIRT_BASE
NOTE XEN_ELFNOTE_PADDR_OFFSET,       .quad 0
NOTE XEN_ELFNOTE_ENTRY,              .quad _start
NOTE XEN_ELFNOTE_HYPERCALL_PAGE,     .quad hypercall_page
NOTE XEN_ELFNOTE_FEATURES,           .asciz "!writable_page_tables|pae_pgdir_above_4gb"
NOTE XEN_ELFNOTE_PAE_MODE,           .asciz "yes"
NOTE XEN_ELFNOTE_SUPPORTED_FEATURES, .long GUEST_FEATURES

    .section .note.GNU-stack, "", @progbits
