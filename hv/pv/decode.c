/* SPDX-License-Identifier: MIT */
/* The instruction decoder; see decode.h. Two tables say all that it knows about opcodes. */
#include "pv/decode.h"

#include <stddef.h>

/* What follows an opcode. 0 = not on the allow-list. */
#define KNOWN   0x01u
#define MODRM   0x02u
#define BYTE_OP 0x04u /* operand of one byte */
#define IMM8    0x08u
#define IMMZ    0x10u /* 2 or 4 bytes by operand size, sign-extended to 8 */
#define MOFFS   0x20u /* address-sized offset instead of ModRM */
#define REGS    0x40u /* ModRM names registers whatever its mod field says */

#define M (KNOWN | MODRM)

/* The tables are read by rows. */
/* clang-format off */
static const uint8_t one_byte[256] = {
    /* ADD OR ADC SBB AND SUB XOR: rm8,r8 and rm,r */
    [0x00] = M | BYTE_OP, [0x01] = M, [0x08] = M | BYTE_OP, [0x09] = M,
    [0x10] = M | BYTE_OP, [0x11] = M, [0x18] = M | BYTE_OP, [0x19] = M,
    [0x20] = M | BYTE_OP, [0x21] = M, [0x28] = M | BYTE_OP, [0x29] = M,
    [0x30] = M | BYTE_OP, [0x31] = M,
    /* INS OUTS */
    [0x6c] = KNOWN | BYTE_OP, [0x6d] = KNOWN, [0x6e] = KNOWN | BYTE_OP, [0x6f] = KNOWN,
    /* the same operations as 0x00 to 0x31 with an immediate; XCHG; MOV */
    [0x80] = M | BYTE_OP | IMM8, [0x81] = M | IMMZ, [0x83] = M | IMM8,
    [0x86] = M | BYTE_OP, [0x87] = M, [0x88] = M | BYTE_OP, [0x89] = M,
    [0xa2] = KNOWN | BYTE_OP | MOFFS, [0xa3] = KNOWN | MOFFS,
    /* MOVS STOS */
    [0xa4] = KNOWN | BYTE_OP, [0xa5] = KNOWN, [0xaa] = KNOWN | BYTE_OP, [0xab] = KNOWN,
    [0xc6] = M | BYTE_OP | IMM8, [0xc7] = M | IMMZ,
    [0xcd] = KNOWN | IMM8, /* INT n */
    /* IN OUT, CLI STI */
    [0xe4] = KNOWN | BYTE_OP | IMM8, [0xe5] = KNOWN | IMM8,
    [0xe6] = KNOWN | BYTE_OP | IMM8, [0xe7] = KNOWN | IMM8,
    [0xec] = KNOWN | BYTE_OP, [0xed] = KNOWN, [0xee] = KNOWN | BYTE_OP, [0xef] = KNOWN,
    [0xfa] = KNOWN, [0xfb] = KNOWN,
    /* NOT NEG, INC DEC: TEST in the same groups writes nothing and is not executed here */
    [0xf6] = M | BYTE_OP, [0xf7] = M, [0xfe] = M | BYTE_OP, [0xff] = M,
};

static const uint8_t two_byte[256] = {
    [0x01] = M | REGS, /* XSETBV, RDTSCP: told apart by the ModRM byte */
    [0x06] = KNOWN, [0x09] = KNOWN,                 /* CLTS, WBINVD */
    [0x20] = M | REGS, [0x21] = M | REGS, [0x22] = M | REGS, [0x23] = M | REGS, /* MOV CR, DR */
    [0x30] = KNOWN, [0x31] = KNOWN, [0x32] = KNOWN, /* WRMSR RDTSC RDMSR */
    [0xa2] = KNOWN,                                 /* CPUID */
    [0xab] = M, [0xb3] = M, [0xbb] = M, [0xba] = M | IMM8, /* BTS BTR BTC */
    [0xb0] = M | BYTE_OP, [0xb1] = M,               /* CMPXCHG */
    [0xc0] = M | BYTE_OP, [0xc1] = M,               /* XADD */
    [0xc3] = M,                                     /* MOVNTI */
};
/* clang-format on */

struct cursor {
    struct insn *insn;
    bool long_mode;
    bool size16, addr_alt; /* 66, 67 */
    bool short_of_bytes;   /* ran past what is there */
    unsigned at;
};

static uint8_t next_byte(struct cursor *c)
{
    if (c->at >= c->insn->fetched) {
        c->short_of_bytes = true;
        return 0;
    }
    return c->insn->bytes[c->at++];
}

/* A little-endian number of 1, 2, 4 or 8 bytes, sign-extended. */
static int64_t next_number(struct cursor *c, unsigned bytes)
{
    uint64_t value = 0;
    unsigned unused = 64 - bytes * 8;

    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)next_byte(c) << i * 8;
    return (int64_t)(value << unused) >> unused;
}

/* Legacy prefixes, then REX: a REX that is followed by another prefix does not count. */
static uint8_t take_prefixes(struct cursor *c)
{
    struct insn *insn = c->insn;

    for (;;) {
        uint8_t b = next_byte(c);
        uint8_t rex = 0;

        if (c->long_mode && (b & 0xf0) == 0x40)
            rex = b;
        else if (b == 0x66)
            c->size16 = true;
        else if (b == 0x67)
            c->addr_alt = true;
        else if (b == 0xf0)
            insn->prefixes |= INSN_LOCK;
        else if (b == 0xf2 || b == 0xf3)
            insn->prefixes = (insn->prefixes & INSN_LOCK) | (b == 0xf3 ? INSN_REP : INSN_REPNE);
        else if (b == 0x64 || b == 0x65)
            insn->segment = b == 0x64 ? SEGMENT_FS : SEGMENT_GS;
        else if (b == 0x26 || b == 0x2e || b == 0x36 || b == 0x3e)
            ; /* ES, CS, SS, DS: base 0 in 64-bit mode, and no cancelling of FS or GS there */
        else
            return b;
        insn->rex = rex;
        if (c->short_of_bytes)
            return 0;
    }
}

static void take_sib(struct cursor *c)
{
    struct insn *insn = c->insn;
    uint8_t sib = next_byte(c);

    insn->scale = sib >> 6;
    insn->index = (sib >> 3 & 7) | (insn->rex & REX_X ? 8 : 0);
    if (insn->index == 4)
        insn->index = INSN_NO_REG;
    insn->base = (sib & 7) | (insn->rex & REX_B ? 8 : 0);
    if ((sib & 7) == 5 && insn->mod == 0) {
        insn->base = INSN_NO_REG;
        insn->disp = next_number(c, 4);
    }
}

/*
 * The memory operand of ModRM:
 *   mod 0  [rm], rm 5: [rip + disp32] (32-bit code: [disp32])    mod 1  [rm + disp8]
 *   mod 2  [rm + disp32]    rm 4 in all three: a SIB byte instead of the register
 */
static void take_memory(struct cursor *c, uint8_t rm)
{
    struct insn *insn = c->insn;

    insn->memory = true;
    if (rm == 4) {
        take_sib(c);
    } else if (rm == 5 && insn->mod == 0) {
        insn->rip_relative = c->long_mode;
        insn->disp = next_number(c, 4);
    } else {
        insn->base = insn->rm;
    }
    if (insn->mod == 1)
        insn->disp = next_number(c, 1);
    else if (insn->mod == 2)
        insn->disp = next_number(c, 4);
}

static void take_modrm(struct cursor *c, bool registers)
{
    struct insn *insn = c->insn;
    uint8_t modrm = next_byte(c);

    insn->mod = modrm >> 6;
    insn->reg = (modrm >> 3 & 7) | (insn->rex & REX_R ? 8 : 0);
    insn->rm = (modrm & 7) | (insn->rex & REX_B ? 8 : 0);
    if (!registers && insn->mod != 3)
        take_memory(c, modrm & 7);
}

static void take_sizes(struct cursor *c, uint8_t what)
{
    struct insn *insn = c->insn;

    insn->op_bytes = insn->rex & REX_W ? 8 : c->size16 ? 2 : 4;
    if (what & BYTE_OP)
        insn->op_bytes = 1;
    insn->addr_bytes = c->long_mode && !c->addr_alt ? 8 : 4;
}

enum decode_status decode_insn(struct insn *insn, bool long_mode)
{
    struct cursor c = { .insn = insn, .long_mode = long_mode };
    uint8_t what;

    insn->base = insn->index = INSN_NO_REG;
    insn->opcode = take_prefixes(&c);
    what = one_byte[insn->opcode];
    if (insn->opcode == 0x0f) {
        uint8_t second = next_byte(&c);

        insn->opcode = OP_0F | second;
        what = two_byte[second];
    }
    if (!c.short_of_bytes && (!(what & KNOWN) || (!long_mode && c.addr_alt)))
        return DECODE_UNKNOWN;
    take_sizes(&c, what);
    if (what & MODRM)
        take_modrm(&c, what & REGS);
    if (what & MOFFS) {
        insn->memory = true;
        insn->disp = next_number(&c, insn->addr_bytes);
    }
    if (what & IMM8)
        insn->imm = next_number(&c, 1);
    if (what & IMMZ)
        insn->imm = next_number(&c, insn->op_bytes == 2 ? 2 : 4);
    if (c.short_of_bytes)
        return insn->fetched < INSN_MAX ? DECODE_TRUNCATED : DECODE_UNKNOWN;
    insn->length = (uint8_t)c.at;
    return DECODE_OK;
}

const uint8_t insn_register_offset[16] = {
    offsetof(struct cpu_regs, rax), offsetof(struct cpu_regs, rcx), offsetof(struct cpu_regs, rdx),
    offsetof(struct cpu_regs, rbx), offsetof(struct cpu_regs, rsp), offsetof(struct cpu_regs, rbp),
    offsetof(struct cpu_regs, rsi), offsetof(struct cpu_regs, rdi), offsetof(struct cpu_regs, r8),
    offsetof(struct cpu_regs, r9),  offsetof(struct cpu_regs, r10), offsetof(struct cpu_regs, r11),
    offsetof(struct cpu_regs, r12), offsetof(struct cpu_regs, r13), offsetof(struct cpu_regs, r14),
    offsetof(struct cpu_regs, r15),
};

/* AH, CH, DH, BH: the second byte of registers 0..3. */
static bool is_high_byte(const struct insn *insn, unsigned n, unsigned bytes)
{
    return bytes == 1 && !insn->rex && n >= 4; /* without REX none is above 7 */
}

uint64_t insn_reg_read(const struct insn *insn, const struct cpu_regs *regs, unsigned n,
                       unsigned bytes)
{
    struct cpu_regs *r = (struct cpu_regs *)regs; /* read only */

    if (is_high_byte(insn, n, bytes))
        return *insn_register(r, n - 4) >> 8 & 0xff;
    return *insn_register(r, n) & insn_mask(bytes);
}

void insn_reg_write(const struct insn *insn, struct cpu_regs *regs, unsigned n, unsigned bytes,
                    uint64_t value)
{
    uint64_t *reg = insn_register(regs, is_high_byte(insn, n, bytes) ? n - 4 : n);

    if (is_high_byte(insn, n, bytes))
        *reg = (*reg & ~0xff00ull) | (value & 0xff) << 8;
    else if (bytes >= 4)
        *reg = value & insn_mask(bytes);
    else
        *reg = (*reg & ~insn_mask(bytes)) | (value & insn_mask(bytes));
}

/* BTS, BTR, BTC m, r: the register counts bits from the operand on, in both directions. */
static int64_t bit_displacement(const struct insn *insn, const struct cpu_regs *regs)
{
    unsigned bytes = insn->op_bytes, unused = 64 - bytes * 8;
    int64_t bit;

    if (insn->opcode != (OP_0F | 0xab) && insn->opcode != (OP_0F | 0xb3) &&
        insn->opcode != (OP_0F | 0xbb))
        return 0;
    bit = (int64_t)(insn_reg_read(insn, regs, insn->reg, bytes) << unused) >> unused;
    return (bit >> (bytes == 8 ? 6 : bytes == 4 ? 5 : 4)) * bytes;
}

uint64_t insn_address(const struct insn *insn, const struct cpu_regs *regs, uint64_t segment_base)
{
    uint64_t ea = (uint64_t)insn->disp + (uint64_t)bit_displacement(insn, regs);

    if (insn->rip_relative)
        ea += regs->rip + insn->length;
    if (insn->base != INSN_NO_REG)
        ea += insn_reg_read(insn, regs, insn->base, 8);
    if (insn->index != INSN_NO_REG)
        ea += insn_reg_read(insn, regs, insn->index, 8) << insn->scale;
    return (ea & insn_mask(insn->addr_bytes)) + segment_base;
}
