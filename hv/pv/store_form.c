/* SPDX-License-Identifier: MIT */
/* Forms of stores to page tables; see store_form.h. */
#include "pv/store_form.h"

#include "lib/string.h"
#include "pv/decode.h"

#define FLAG_CF      0x001ull
#define FLAG_PF      0x004ull
#define FLAG_ZF      0x040ull
#define FLAG_SF      0x080ull
#define FLAGS_STATUS 0x8d5ull /* those, AF and OF */

/* Operation numbers in the reg field of 80 and of 0F BA. */
enum { GROUP_OR = 1, GROUP_AND = 4, GROUP_BTS = 5, GROUP_BTR = 6 };

/* LOCK before MOV is the CPU's #UD: not in the list. */
static enum store_kind kind_of(const struct insn *insn)
{
    bool lock = insn->prefixes & INSN_LOCK, wide = insn->op_bytes == 8;
    unsigned group = insn->reg & 7;

    switch (insn->opcode) {
    case 0x80:
        return group == GROUP_AND ? STORE_AND8 : group == GROUP_OR ? STORE_OR8 : STORE_NONE;
    case 0x87:
        return wide ? STORE_XCHG : STORE_NONE;
    case 0x89:
        return wide && !lock ? STORE_MOV : STORE_NONE;
    case 0xc7:
        return wide && !lock && !group ? STORE_IMM : STORE_NONE;
    case OP_0F | 0xb1:
        return wide ? STORE_CMPXCHG : STORE_NONE;
    case OP_0F | 0xba:
        return !wide                ? STORE_NONE
               : group == GROUP_BTR ? STORE_BTR
               : group == GROUP_BTS ? STORE_BTS
                                    : STORE_NONE;
    default:
        return STORE_NONE;
    }
}

/* The operand is a register, perhaps another one scaled, and a distance, in flat 64-bit segments. */
static bool operand_plain(const struct insn *insn)
{
    return insn->memory && !insn->rip_relative && insn->base != INSN_NO_REG &&
           insn->segment == SEGMENT_DEFAULT && insn->addr_bytes == 8 &&
           !(insn->prefixes & ~INSN_LOCK);
}

void store_form_make(struct store_form *f, uint64_t code)
{
    struct insn insn = { .fetched = sizeof(code) };

    memcpy(insn.bytes, &code, sizeof(code));
    *f = (struct store_form){ .code = code };
    if (decode_insn(&insn, true) != DECODE_OK || !operand_plain(&insn))
        return;
    f->kind = (uint8_t)kind_of(&insn);
    f->length = insn.length;
    f->base = insn_register_offset[insn.base];
    f->indexed = insn.index != INSN_NO_REG;
    f->index = insn_register_offset[insn.index & 15];
    f->scale = insn.scale;
    f->reg = insn_register_offset[insn.reg];
    f->disp = (int32_t)insn.disp;
    f->value = (uint64_t)insn.imm;
    if (f->kind >= STORE_BTR)
        f->value = 1ull << (insn.imm & 63);
}

bool store_modify(const struct store_form *f, const struct cpu_regs *regs, uint64_t va,
                  uint64_t old, uint64_t *new)
{
    unsigned shift = (unsigned)va % 8 * 8;

    switch (f->kind) {
    case STORE_CMPXCHG:
        *new = *store_register((struct cpu_regs *)regs, f->reg);
        return regs->rax == old;
    case STORE_AND8:
        *new = old & ~((~f->value & 0xff) << shift);
        return true;
    case STORE_OR8:
        *new = old | (f->value & 0xff) << shift;
        return true;
    case STORE_BTR:
        *new = old & ~f->value;
        return true;
    default:
        *new = old | f->value;
        return true;
    }
}

void store_flags(const struct store_form *f, struct cpu_regs *regs, uint64_t va, uint64_t old,
                 uint64_t new)
{
    uint8_t byte = (uint8_t)(new >> va % 8 * 8);

    if (f->kind >= STORE_BTR) {
        regs->rflags = (regs->rflags & ~FLAG_CF) | (old & f->value ? FLAG_CF : 0);
        return;
    }
    if (f->kind == STORE_CMPXCHG)
        byte = 0; /* of the comparison, which found no difference */
    regs->rflags &= ~FLAGS_STATUS;
    regs->rflags |= (byte & FLAG_SF) | (byte ? 0 : FLAG_ZF) |
                    (__builtin_parity(byte) ? 0 : FLAG_PF);
}
