/* SPDX-License-Identifier: MIT */
/* NOTE type, contents: one ELF note of owner "Xen", for the forms of the odd kernels (assembly). */
#ifndef ODD_NOTE_H
#define ODD_NOTE_H

#ifdef __ASSEMBLER__
#include <xen/elfnote.h>

/* It would take assembly for C: */
/* clang-format off */
.macro NOTE type, desc:vararg
    .pushsection .note.Xen, NOTE_FLAGS, @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \desc
2:  .balign 4
    .popsection
.endm
/* clang-format on */
#endif

#endif
