/* SPDX-License-Identifier: MIT */
/* Instruction fetch for the emulators, and the common end of an emulated instruction; see fetch.h. */
#include "pv/fetch.h"

#include "lib/x86.h"
#include "mm/guest_copy.h"
#include "pv/bounce.h"
#include "pv/descriptor.h"

#define DR6_BS  (1ul << 14)
#define TRAP_DB 1u

bool code_segment_read(const struct vcpu *v, const struct cpu_regs *regs, struct code_segment *cs)
{
    uint64_t desc;

    if (!segment_descriptor(v, regs->cs, &desc))
        return false;
    if ((desc & (DESC_P | DESC_S | DESC_CODE)) != (DESC_P | DESC_S | DESC_CODE))
        return false;
    cs->long_mode = desc & DESC_L;
    cs->base = cs->long_mode ? 0 : descriptor_base(desc);
    return cs->long_mode || (desc & DESC_D); /* no 16-bit code */
}

unsigned fetch_bytes(uint8_t *bytes, uint64_t va, unsigned max)
{
    unsigned first = (unsigned)(PAGE_SIZE - (va & (PAGE_SIZE - 1)));

    if (first > max)
        first = max;
    if (guest_read(bytes, va, first))
        return 0;
    if (first < max && guest_read(bytes + first, va + first, max - first))
        return first;
    return max;
}

enum fetch_status fetch_insn(struct vcpu *v, struct cpu_regs *regs, struct insn *insn,
                             struct code_segment *cs)
{
    uint64_t va;

    *insn = (struct insn){ 0 };
    if (!code_segment_read(v, regs, cs))
        return FETCH_UNKNOWN;
    va = cs->long_mode ? regs->rip : cs->base + (uint32_t)regs->rip;
    insn->fetched = (uint8_t)fetch_bytes(insn->bytes, va, INSN_MAX);
    switch (decode_insn(insn, cs->long_mode)) {
    case DECODE_OK:
        return FETCH_OK;
    case DECODE_TRUNCATED:
        if (!guest_range_ok(va, insn->fetched + 1u))
            return FETCH_UNKNOWN; /* runs into the hole: no page fault, the CPU's own fault stands */
        bounce_page_fault(v, regs, va + insn->fetched, 0);
        return FETCH_FAULTED;
    default:
        return FETCH_UNKNOWN;
    }
}

void insn_retire(struct vcpu *v, struct cpu_regs *regs, unsigned length, uint64_t dr6_bits)
{
    regs->rip += length;
    if (regs->rflags & RFLAGS_TF)
        dr6_bits |= DR6_BS;
    regs->rflags &= ~RFLAGS_RF;
    if (!dr6_bits)
        return;
    v->dr[6] |= dr6_bits;
    bounce_exception(v, regs, TRAP_DB, -1);
}
