/* SPDX-License-Identifier: MIT */
/*
 * What the handful of instructions that compilers make of a store to a page table means, kept by the
 * bytes of the instruction, so that it is decoded once:
 *
 *   XCHG r64,m   MOV m,r64   MOV m,imm32   CMPXCHG m,r64   AND/OR m8,imm8   BTR/BTS m64,imm8
 *
 * Invariant: a form is a function of its code and of nothing else, made by pv/decode.c; it stays true
 * whatever becomes of the memory that the code was read from, and is never dropped but for another.
 * What it does is what pv/rmw.c does for the same instruction, to the last flag.
 *
 * Caller: pv/ptwr_fault.c. Compiles for the host.
 */
#ifndef HV_PV_STORE_FORM_H
#define HV_PV_STORE_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include "dom/vcpu.h"

enum store_kind { /* in this order: those without flags, then those that store_modify() knows */
                  STORE_NONE, /* none of the list */
                  STORE_XCHG,
                  STORE_MOV,
                  STORE_IMM,
                  STORE_CMPXCHG,
                  STORE_AND8,
                  STORE_OR8,
                  STORE_BTR,
                  STORE_BTS,
};

/* Makes f the form of the instruction that code, eight bytes in 64-bit mode, begins with. */
void store_form_make(struct store_form *f, uint64_t code);

/*
 * For a kind from STORE_CMPXCHG on: the eight aligned bytes in which the operand lies, from what they
 * hold. False: CMPXCHG found another value. va: of the operand.
 */
bool store_modify(const struct store_form *f, const struct cpu_regs *regs, uint64_t va,
                  uint64_t old, uint64_t *new);

/* The flags after store_modify() made new of old. */
void store_flags(const struct store_form *f, struct cpu_regs *regs, uint64_t va, uint64_t old,
                 uint64_t new);

/* A register by its place in struct cpu_regs. */
static inline uint64_t *store_register(struct cpu_regs *regs, uint8_t place)
{
    return (uint64_t *)((char *)regs + place);
}

/* The form of these bytes, of those that are kept by the address of the code or made anew. */
static inline const struct store_form *store_form_of(struct vcpu *v, uint64_t rip, uint64_t code)
{
    struct store_form *f = &v->store_forms[(rip ^ rip >> 4) % STORE_FORMS];

    if (__builtin_expect(f->code != code, 0))
        store_form_make(f, code);
    asm("" : "+r"(f)); /* or GCC works the place out again at every use */
    return f;
}

/* Address of the memory operand. */
static inline uint64_t store_va(const struct store_form *f, struct cpu_regs *regs)
{
    uint64_t va = *store_register(regs, f->base) + (uint64_t)(int64_t)f->disp;

    if (__builtin_expect(f->indexed, 0))
        va += *store_register(regs, f->index) << f->scale;
    return va;
}

/* Whether the operand lies in eight aligned bytes. */
static inline bool store_fits(const struct store_form *f, uint64_t va)
{
    return !(va % 8) || f->kind == STORE_AND8 || f->kind == STORE_OR8;
}

#endif
