/* SPDX-License-Identifier: MIT */
/*
 * The image: linked at HV_IMAGE_VA, loaded at HV_IMAGE_PA, at most 2 MiB so that one temporary
 * large page maps it. File offsets grow as addresses do (one run of bytes from the headers of
 * head.S on), because a loader that goes by the Multiboot 1 address fields copies it in one piece.
 * Each group of sections with its own rights starts on a page: mm/boot_map.c maps them by these
 * names.
 */
#include "mm/layout.h"

#define PHYSICAL(section) AT(ADDR(section) - HV_IMAGE_VA + HV_IMAGE_PA)

ENTRY(boot_entry)

PHDRS
{
    text PT_LOAD FLAGS(5);
    rodata PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
}

SECTIONS
{
    . = HV_IMAGE_VA;
    __image_start = .;
    .text : PHYSICAL(.text) {
        KEEP(*(.head))
        *(.text .text.*)
    } :text
    . = ALIGN(4096);
    __text_end = .;

    .rodata : PHYSICAL(.rodata) {
        *(.rodata .rodata.* .data.rel.ro .data.rel.ro.*)
    } :rodata
    /* The linker makes __start_ and __stop_ symbols for it: lib/extable.h. */
    ex_table : PHYSICAL(ex_table) {
        KEEP(*(ex_table))
    } :rodata
    smap_stac : PHYSICAL(smap_stac) {
        KEEP(*(smap_stac))
    } :rodata
    smap_clac : PHYSICAL(smap_clac) {
        KEEP(*(smap_clac))
    } :rodata
    .symbols : PHYSICAL(.symbols) {
        KEEP(*(.symbols))
    } :rodata
    . = ALIGN(4096);
    __rodata_end = .;

    .data : PHYSICAL(.data) {
        *(.data .data.* .got .got.plt)
        . = ALIGN(16);
        __load_end = .;
    } :data
    .bss : PHYSICAL(.bss) {
        . = ALIGN(4096);
        __bss_start = .;
        *(.bss .bss.* COMMON)
        . = ALIGN(4096);
        /* Not mapped: below it, the stack of the boot ends in a fault instead of in data. */
        __boot_guard = .;
        . += 4096;
        __data_resume = .;
        *(.boot_stack)
        . = ALIGN(4096);
        __boot_tables_start = .;
        /* Temporary page tables: free memory once the final map is loaded. */
        *(.boot_tables)
        . = ALIGN(4096);
    } :data
    __image_end = .;

    /DISCARD/ : { *(.comment) *(.note .note.*) *(.eh_frame) *(.interp) *(.dynamic) }
}

ASSERT(__image_end - HV_IMAGE_VA <= 0x200000, "the image does not fit in 2 MiB")
/* What a loader copies: without the gaps in front of groups that begin on a page. */
ASSERT(SIZEOF(.text) + ADDR(.symbols) + SIZEOF(.symbols) - ADDR(.rodata) + __load_end - ADDR(.data)
       <= 0x28000, "the image is larger than 160 KiB")
