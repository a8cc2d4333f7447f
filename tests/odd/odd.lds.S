/* SPDX-License-Identifier: MIT */
/*
 * The image of one form. BASE: the address of pseudo-physical frame 0; START: of the image, from there;
 * NOTES: the notes get a PT_NOTE, without it there is only their section. LEGACY: p_paddr is what
 * p_vaddr is, as kernels without notes have it.
 */
OUTPUT_FORMAT("elf64-x86-64")
ENTRY(ELF_ENTRY)

#ifdef LEGACY
#define LOAD(name) ADDR(name)
#else
#define LOAD(name) (ADDR(name) - BASE)
#endif

PHDRS
{
    all PT_LOAD FLAGS(7);
#ifdef NOTES
    note PT_NOTE FLAGS(4);
#endif
}

no_entry = 0;

SECTIONS
{
    . = BASE + START;
    image_start = .;
    .text : AT(LOAD(.text)) {
        KEEP(*(.text.start))
        KEEP(*(.text.start.page))
        *(.text .text.*)
        *(.rodata .rodata.*)
        . = ALIGN(16);
        virt_base = .;
        QUAD(BASE)
        *(.got .got.plt)
        . = ALIGN(4096);
    } :all
    .data : AT(LOAD(.data)) { *(.data .data.*) } :all
    .bss : AT(LOAD(.bss)) {
        *(.bss.page_aligned)
        *(.bss .bss.* COMMON)
        . = ALIGN(4096);
    } :all
    image_end = .;
#ifdef NOTES
    .note.Xen : AT(LOAD(.note.Xen)) { KEEP(*(.note.Xen)) } :all :note
#else
    .note.Xen 0 : { KEEP(*(.note.Xen)) } :NONE
    __xen_guest 0 : { KEEP(*(__xen_guest)) } :NONE
#endif

    /DISCARD/ : {
        *(.comment .note.GNU-stack .note.gnu.* .eh_frame .eh_frame_hdr)
    }
}
