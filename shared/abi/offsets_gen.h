/*
 * SPDX-License-Identifier: MIT
 *
 * Constants of C for assembly. A file that is compiled with -S, never linked,
 * names them inside a function:
 *
 *     OFFSET(VCPU_REGS, struct vcpu, regs);       offset of a member, bytes
 *     SIZE(VCPU_SIZE, struct vcpu);               size of a type, bytes
 *     CONSTANT(TRAP_PAGE_FAULT, TRAP_page_fault); any integer constant
 *
 * Each leaves a line `->NAME value` in the compiler's output, which the
 * Makefile turns into `#define NAME value` in the generated offsets.h.
 */
#ifndef PINION_ABI_OFFSETS_GEN_H
#define PINION_ABI_OFFSETS_GEN_H

#include <stddef.h>

#define CONSTANT(name, value)      __asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"(value))
#define OFFSET(name, type, member) CONSTANT(name, offsetof(type, member))
#define SIZE(name, type)           CONSTANT(name, sizeof(type))

#endif
