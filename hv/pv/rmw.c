/* SPDX-License-Identifier: MIT */
/* Read-modify-write arithmetic; see rmw.h. Flags that the architecture leaves undefined are kept. */
#include "pv/rmw.h"

#define FLAG_CF      0x001ull
#define FLAG_PF      0x004ull
#define FLAG_AF      0x010ull
#define FLAG_ZF      0x040ull
#define FLAG_SF      0x080ull
#define FLAG_DF      0x400ull
#define FLAG_OF      0x800ull
#define FLAGS_RESULT (FLAG_PF | FLAG_ZF | FLAG_SF)
#define FLAGS_ALL    (FLAGS_RESULT | FLAG_CF | FLAG_AF | FLAG_OF)

/* Operation numbers as the opcode map has them: bits 5:3 of opcodes 00-3F, reg field of 80-83. */
enum alu_op { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

struct alu {
    unsigned bytes;
    uint64_t flags;
};

static void set_result_flags(struct alu *alu, uint64_t r)
{
    unsigned top = alu->bytes * 8 - 1;

    r &= insn_mask(alu->bytes);
    alu->flags &= ~FLAGS_RESULT;
    if (!r)
        alu->flags |= FLAG_ZF;
    if (r >> top & 1)
        alu->flags |= FLAG_SF;
    if (!__builtin_parity((unsigned)r & 0xff))
        alu->flags |= FLAG_PF;
}

/* carries: bit n is the carry (or borrow) out of bit n. */
static void set_carry_flags(struct alu *alu, uint64_t carries)
{
    unsigned top = alu->bytes * 8 - 1;

    alu->flags &= ~(FLAG_CF | FLAG_AF | FLAG_OF);
    if (carries >> top & 1)
        alu->flags |= FLAG_CF;
    if (carries >> 3 & 1)
        alu->flags |= FLAG_AF;
    if ((carries >> top ^ carries >> (top - 1)) & 1)
        alu->flags |= FLAG_OF;
}

static uint64_t alu_add(struct alu *alu, uint64_t a, uint64_t b, uint64_t carry)
{
    uint64_t r = a + b + carry;

    set_carry_flags(alu, (a & b) | ((a | b) & ~r));
    set_result_flags(alu, r);
    return r;
}

static uint64_t alu_sub(struct alu *alu, uint64_t a, uint64_t b, uint64_t borrow)
{
    uint64_t r = a - b - borrow;

    set_carry_flags(alu, (~a & b) | ((~a | b) & r));
    set_result_flags(alu, r);
    return r;
}

static uint64_t alu_logic(struct alu *alu, uint64_t r)
{
    alu->flags &= ~(FLAG_CF | FLAG_OF | FLAG_AF);
    set_result_flags(alu, r);
    return r;
}

static uint64_t alu_execute(struct alu *alu, enum alu_op op, uint64_t a, uint64_t b)
{
    uint64_t carry = alu->flags & FLAG_CF;

    switch (op) {
    case ALU_ADD:
        return alu_add(alu, a, b, 0);
    case ALU_ADC:
        return alu_add(alu, a, b, carry);
    case ALU_SUB:
    case ALU_CMP:
        return alu_sub(alu, a, b, 0);
    case ALU_SBB:
        return alu_sub(alu, a, b, carry);
    case ALU_OR:
        return alu_logic(alu, a | b);
    case ALU_AND:
        return alu_logic(alu, a & b);
    default:
        return alu_logic(alu, a ^ b);
    }
}

/* INC and DEC leave the carry flag alone. */
static uint64_t alu_step(struct alu *alu, uint64_t a, bool down)
{
    uint64_t carry = alu->flags & FLAG_CF;
    uint64_t r = down ? alu_sub(alu, a, 1, 0) : alu_add(alu, a, 1, 0);

    alu->flags = (alu->flags & ~FLAG_CF) | carry;
    return r;
}

/* BTS BTR BTC: kind 5, 6, 7, the reg field of 0F BA. */
static uint64_t bit_execute(struct alu *alu, unsigned kind, uint64_t a, uint64_t bit_number)
{
    uint64_t bit = 1ull << (bit_number & (alu->bytes * 8 - 1));

    alu->flags = (alu->flags & ~FLAG_CF) | (a & bit ? FLAG_CF : 0);
    return kind == 5 ? a | bit : kind == 6 ? a & ~bit : a ^ bit;
}

static enum rmw_result execute_cmpxchg(const struct insn *insn, struct cpu_regs *regs,
                                       struct alu *alu, uint64_t old, uint64_t *new)
{
    uint64_t expected = insn_reg_read(insn, regs, 0, insn->op_bytes);

    alu_sub(alu, expected, old, 0);
    if (expected != old) {
        insn_reg_write(insn, regs, 0, insn->op_bytes, old);
        return RMW_KEEP;
    }
    *new = insn_reg_read(insn, regs, insn->reg, insn->op_bytes);
    return RMW_MODIFY;
}

/* F6, F7: NOT, NEG; FE, FF: INC, DEC. */
static enum rmw_result execute_unary(const struct insn *insn, struct alu *alu, uint64_t old,
                                     uint64_t *new)
{
    unsigned kind = insn->reg & 7;

    if (insn->opcode >= 0xfe && kind < 2)
        *new = alu_step(alu, old, kind == 1);
    else if (insn->opcode < 0xfe && kind == 2)
        *new = ~old;
    else if (insn->opcode < 0xfe && kind == 3)
        *new = alu_sub(alu, 0, old, 0);
    else
        return RMW_UNKNOWN;
    return RMW_MODIFY;
}

static enum rmw_result execute_two_byte(const struct insn *insn, struct cpu_regs *regs,
                                        struct alu *alu, uint64_t old, uint64_t *new)
{
    uint64_t reg = insn_reg_read(insn, regs, insn->reg, insn->op_bytes);

    switch (insn->opcode) {
    case OP_0F | 0xab:
        *new = bit_execute(alu, 5, old, reg);
        return RMW_MODIFY;
    case OP_0F | 0xb3:
        *new = bit_execute(alu, 6, old, reg);
        return RMW_MODIFY;
    case OP_0F | 0xbb:
        *new = bit_execute(alu, 7, old, reg);
        return RMW_MODIFY;
    case OP_0F | 0xba:
        if ((insn->reg & 7) < 5)
            return RMW_UNKNOWN; /* BT, and numbers without a meaning */
        *new = bit_execute(alu, insn->reg & 7, old, (uint64_t)insn->imm);
        return RMW_MODIFY;
    case OP_0F | 0xb0:
    case OP_0F | 0xb1:
        return execute_cmpxchg(insn, regs, alu, old, new);
    case OP_0F | 0xc0:
    case OP_0F | 0xc1:
        *new = alu_add(alu, old, reg, 0);
        insn_reg_write(insn, regs, insn->reg, insn->op_bytes, old);
        return RMW_MODIFY;
    case OP_0F | 0xc3:
        *new = reg;
        return insn->op_bytes >= 4 ? RMW_STORE : RMW_UNKNOWN;
    default:
        return RMW_UNKNOWN;
    }
}

static enum rmw_result execute_one_byte(const struct insn *insn, struct cpu_regs *regs,
                                        struct alu *alu, uint64_t source, uint64_t old,
                                        uint64_t *new)
{
    uint64_t reg = insn_reg_read(insn, regs, insn->reg, insn->op_bytes);
    uint64_t imm = (uint64_t)insn->imm & insn_mask(insn->op_bytes);

    switch (insn->opcode) {
    case 0x00 ... 0x31:
        *new = alu_execute(alu, (enum alu_op)(insn->opcode >> 3), old, reg);
        return RMW_MODIFY;
    case 0x80:
    case 0x81:
    case 0x83:
        if ((insn->reg & 7) == ALU_CMP)
            return RMW_UNKNOWN;
        *new = alu_execute(alu, (enum alu_op)(insn->reg & 7), old, imm);
        return RMW_MODIFY;
    case 0x86:
    case 0x87:
        *new = reg;
        insn_reg_write(insn, regs, insn->reg, insn->op_bytes, old);
        return RMW_MODIFY;
    case 0x88:
    case 0x89:
        *new = reg;
        return RMW_STORE;
    case 0xa2:
    case 0xa3:
    case 0xaa:
    case 0xab:
        *new = insn_reg_read(insn, regs, 0, insn->op_bytes);
        return RMW_STORE;
    case 0xa4:
    case 0xa5:
        *new = source;
        return RMW_STORE;
    case 0xc6:
    case 0xc7:
        *new = imm;
        return (insn->reg & 7) == 0 ? RMW_STORE : RMW_UNKNOWN;
    case 0xf6:
    case 0xf7:
    case 0xfe:
    case 0xff:
        return execute_unary(insn, alu, old, new);
    default:
        return RMW_UNKNOWN;
    }
}

bool rmw_is_string(const struct insn *insn)
{
    return insn->opcode == 0xa4 || insn->opcode == 0xa5 || insn->opcode == 0xaa ||
           insn->opcode == 0xab;
}

enum rmw_result rmw_execute(const struct insn *insn, struct cpu_regs *regs, uint64_t source,
                            uint64_t old, uint64_t *new)
{
    struct alu alu = { insn->op_bytes, regs->rflags };
    enum rmw_result rc;

    if (!insn->memory && !rmw_is_string(insn))
        return RMW_UNKNOWN;
    old &= insn_mask(insn->op_bytes);
    *new = old;
    if (insn->opcode & OP_0F)
        rc = execute_two_byte(insn, regs, &alu, old, new);
    else
        rc = execute_one_byte(insn, regs, &alu, source, old, new);
    /* The CPU raises #UD for LOCK before instructions that do not read and write memory. */
    if ((insn->prefixes & INSN_LOCK) && rc == RMW_STORE)
        return RMW_UNKNOWN;
    if (rc == RMW_UNKNOWN)
        return rc;
    *new &= insn_mask(insn->op_bytes);
    regs->rflags = (regs->rflags & ~FLAGS_ALL) | (alu.flags & FLAGS_ALL);
    return rc;
}

bool rmw_string_step(const struct insn *insn, struct cpu_regs *regs)
{
    uint64_t mask = insn_mask(insn->addr_bytes);
    uint64_t step = regs->rflags & FLAG_DF ? -(uint64_t)insn->op_bytes : insn->op_bytes;

    regs->rdi = (regs->rdi + step) & mask;
    if (insn->opcode == 0xa4 || insn->opcode == 0xa5)
        regs->rsi = (regs->rsi + step) & mask;
    if (!(insn->prefixes & (INSN_REP | INSN_REPNE)))
        return true;
    regs->rcx = (regs->rcx - 1) & mask;
    return regs->rcx == 0;
}

uint64_t rmw_merge(uint64_t entry, unsigned offset, unsigned bytes, uint64_t value)
{
    uint64_t mask = insn_mask(bytes) << offset * 8;

    return (entry & ~mask) | (value << offset * 8 & mask);
}
