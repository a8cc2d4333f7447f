/* SPDX-License-Identifier: MIT */
/*
 * From instruction bytes to a description: prefixes, opcode, operands. The allow-list of opcodes is
 * the two tables in decode.c; anything else is DECODE_UNKNOWN and the guest gets its fault.
 * Works on a private copy of the bytes, which pv/fetch.c fills once (hazards M3, M4): nothing here
 * reads guest memory. Callers: pv/priv_op.c, pv/ptwr.c. Compiles for the host.
 */
#ifndef HV_PV_DECODE_H
#define HV_PV_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/regs.h"

#define INSN_MAX 15u /* bytes; longer ones raise #GP on the CPU */

/* Opcodes of the 0F map carry this bit. */
#define OP_0F 0x100u

#define INSN_LOCK  0x01u
#define INSN_REP   0x02u /* F3 */
#define INSN_REPNE 0x04u /* F2 */

#define REX_B 0x1u
#define REX_X 0x2u
#define REX_R 0x4u
#define REX_W 0x8u

#define INSN_NO_REG 0xffu

enum insn_segment { SEGMENT_DEFAULT, SEGMENT_FS, SEGMENT_GS };

struct insn {
    uint8_t bytes[INSN_MAX];
    uint8_t fetched;      /* bytes that are there; less than 15 where the next page is absent */
    uint8_t length;       /* of the whole instruction, bytes */
    uint8_t prefixes;     /* INSN_* */
    uint8_t rex;          /* 0 = none */
    uint8_t segment;      /* enum insn_segment: an override that matters in 64-bit mode */
    uint8_t op_bytes;     /* operand size: 1, 2, 4, 8 */
    uint8_t addr_bytes;   /* address size: 4, 8 */
    uint16_t opcode;      /* second byte | OP_0F in the 0F map */
    uint8_t mod, reg, rm; /* of ModRM, REX bits included */
    bool memory;          /* there is a memory operand that ModRM or an offset names */
    bool rip_relative;
    uint8_t base, index; /* registers, INSN_NO_REG = none */
    uint8_t scale;       /* shift of the index */
    int64_t disp;
    int64_t imm; /* sign-extended */
};

enum decode_status {
    DECODE_OK,
    DECODE_TRUNCATED, /* byte number insn->fetched is needed and not there */
    DECODE_UNKNOWN,   /* not on the allow-list, or longer than the CPU allows */
};

/* Decodes insn->bytes. long_mode: 64-bit code segment, else 32-bit. */
enum decode_status decode_insn(struct insn *insn, bool long_mode);

/*
 * Linear address of the memory operand: segment_base is what insn->segment stands for. For BTS, BTR
 * and BTC with a register, the address of the word that holds the bit.
 */
uint64_t insn_address(const struct insn *insn, const struct cpu_regs *regs, uint64_t segment_base);

/* Where general registers are in struct cpu_regs, by number. */
extern const uint8_t insn_register_offset[16];

/* General register n (0..15) as a whole. */
static inline uint64_t *insn_register(struct cpu_regs *regs, unsigned n)
{
    return (uint64_t *)((char *)regs + insn_register_offset[n & 15]);
}

/* Register n as an operand of bytes (1, 2, 4, 8); with 1 and no REX, 4..7 are AH, CH, DH, BH. */
uint64_t insn_reg_read(const struct insn *insn, const struct cpu_regs *regs, unsigned n,
                       unsigned bytes);
/* Writes it as the CPU does: 4 bytes clear the upper half, 1 and 2 keep the rest. */
void insn_reg_write(const struct insn *insn, struct cpu_regs *regs, unsigned n, unsigned bytes,
                    uint64_t value);

/* All ones in the low bytes. */
static inline uint64_t insn_mask(unsigned bytes)
{
    return bytes >= 8 ? ~0ull : (1ull << bytes * 8) - 1;
}

#endif
