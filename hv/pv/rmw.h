/* SPDX-License-Identifier: MIT */
/*
 * What a decoded instruction that writes memory does to its operand, its registers and its flags.
 * Pure arithmetic on values: nothing here touches guest memory, so the caller can apply the result
 * after the write was accepted, or drop it. Caller: pv/ptwr.c. Compiles for the host.
 */
#ifndef HV_PV_RMW_H
#define HV_PV_RMW_H

#include <stdbool.h>
#include <stdint.h>

#include "pv/decode.h"

enum rmw_result {
    RMW_UNKNOWN, /* the instruction is not one that writes its memory operand: nothing was changed */
    RMW_STORE,   /* *new is to be stored whatever memory holds */
    RMW_MODIFY,  /* *new was made from old: to be stored only while memory still holds old */
    RMW_KEEP,    /* memory stays as it is (CMPXCHG that found another value) */
};

/*
 * True for string instructions, whose operand is [RDI] and whose register updates follow
 * rmw_string_step().
 */
bool rmw_is_string(const struct insn *insn);

/*
 * Executes insn on a memory operand of insn->op_bytes that holds old. source: what MOVS read.
 * regs: general registers and flags are updated; RIP and the string registers are not.
 */
enum rmw_result rmw_execute(const struct insn *insn, struct cpu_regs *regs, uint64_t source,
                            uint64_t old, uint64_t *new);

/*
 * One iteration of MOVS or STOS is done: RDI (and RSI) advance by the operand size, with REP RCX
 * counts down. True when the instruction is complete and RIP may advance.
 */
bool rmw_string_step(const struct insn *insn, struct cpu_regs *regs);

/*
 * Puts a value of bytes at a byte offset (0..7) into a 64-bit entry.
 * offset + bytes <= 8 is the caller's to check.
 */
uint64_t rmw_merge(uint64_t entry, unsigned offset, unsigned bytes, uint64_t value);

#endif
