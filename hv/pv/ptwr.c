/* SPDX-License-Identifier: MIT */
/*
 * Writable page tables: a guest kernel writes to an L1 that it sees read-only, the write is decoded,
 * made a request for one entry, and carried out through the same check as mmu_update. Whatever does
 * not fit gives the guest its page fault. pv/ptwr_fault.c has the short way of the common ones.
 *
 * Order: the entry is read once, the instruction computes on copies of the entry and of the
 * registers, the entry changes by compare-and-exchange, then the registers are the guest's.
 */
#include "hooks.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/x86.h"
#include "mm/guest_copy.h"
#include "pt/walk.h"
#include "pv/fetch.h"
#include "pv/mmu_update.h"
#include "pv/ptwr.h"
#include "pv/refuse.h"
#include "pv/rmw.h"

/* Lost races against other CPUs or the accessed bit before the guest has to fault again. */
#define RETRIES 8u

struct target {
    uint64_t va;
    mfn_t table; /* a general reference is held */
    unsigned slot;
    unsigned offset; /* of the operand in the entry, bytes */
};

/*
 * The validated L1 that v's kernel sees read-only at va, a guest's address; MFN_NONE if there is
 * none.
 */
static mfn_t table_at(const struct vcpu *v, uint64_t va)
{
    uint64_t l1 = walk_to_l1(v->cr3_kernel, va), pte;
    mfn_t table;

    if (l1 == WALK_NO_L1)
        return MFN_NONE;
    pte = walk_entry(l1, va, 1);
    table = pte_mfn(pte);
    if ((pte & (PTE_P | PTE_RW)) != PTE_P || !frame_valid(table) || frame_type(table) != PT_L1 ||
        !frame_type_refs(table))
        return MFN_NONE;
    return table;
}

/* The same with a reference on it, which only a table of v's domain gives. */
static bool table_get(const struct vcpu *v, uint64_t va, struct target *t)
{
    mfn_t table = table_at(v, va);

    if (mfn_eq(table, MFN_NONE))
        return false;
    if (!frame_get(table, v->domain->id)) {
        refusal_clear();
        return false;
    }
    t->va = va;
    t->table = table;
    t->slot = (unsigned)(va & (PAGE_SIZE - 1)) / sizeof(uint64_t);
    t->offset = (unsigned)va % sizeof(uint64_t);
    return true;
}

/* Linear address that the instruction writes to. */
static uint64_t operand_va(const struct insn *insn, const struct cpu_regs *regs)
{
    uint64_t base = 0;

    if (rmw_is_string(insn))
        return regs->rdi & insn_mask(insn->addr_bytes);
    if (insn->segment == SEGMENT_FS)
        base = rdmsr(MSR_FS_BASE);
    else if (insn->segment == SEGMENT_GS)
        base = rdmsr(MSR_SHADOW_GS_BASE);
    return insn_address(insn, regs, base);
}

/* MOVS reads its other operand; everything else has it in registers. False: it cannot be read. */
static bool source_read(const struct insn *insn, const struct cpu_regs *regs, uint64_t *source)
{
    *source = 0;
    if (insn->opcode != 0xa4 && insn->opcode != 0xa5)
        return true;
    if (insn->segment != SEGMENT_DEFAULT)
        return false;
    return !guest_read(source, regs->rsi & insn_mask(insn->addr_bytes), insn->op_bytes);
}

/* By words: GCC, told to be small, copies by four bytes, in twice the rounds. */
static void regs_copy(struct cpu_regs *to, const struct cpu_regs *from)
{
    uint64_t words = sizeof(*to) / sizeof(uint64_t);

    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words)::"memory");
}

/*
 * Executes on copies and commits. 0 with *regs changed; -EAGAIN when the entry changed in between;
 * -ENOSYS for an instruction that writes nothing here; else the refusal of the entry.
 */
static long write_once(const struct target *t, const struct insn *insn, struct cpu_regs *regs,
                       uint64_t source, struct refused_entry *e)
{
    const uint64_t *entry = (const uint64_t *)frame_va(t->table) + t->slot;
    struct cpu_regs copy;
    uint64_t value;
    enum rmw_result kind;
    long rc = 0;

    regs_copy(&copy, regs);
    e->old = hook_guest_read64(entry);
    kind = rmw_execute(insn, &copy, source, e->old >> t->offset * 8, &value);
    if (kind == RMW_UNKNOWN)
        return -ENOSYS;
    e->new = rmw_merge(e->old, t->offset, insn->op_bytes, value);
    if (kind != RMW_KEEP) {
        bool whole_store = kind == RMW_STORE && insn->op_bytes == sizeof(uint64_t);

        rc = l1_entry_update(t->table, t->slot, e->old, e->new, !whole_store);
    }
    if (rc == -EBUSY && hook_guest_read64(entry) != e->old)
        return -EAGAIN;
    if (!rc)
        regs_copy(regs, &copy);
    return rc;
}

/* Drops the reference on t->table before a fault may be reflected: the domain may die of that. */
static bool write_emulate(struct vcpu *v, struct cpu_regs *regs, const struct target *t,
                          const struct insn *insn)
{
    struct refused_entry e = { .level = 1, .slot = t->slot };
    bool complete = true;
    uint64_t source;
    long rc;

    rc = source_read(insn, regs, &source) ? -EAGAIN : -ENOSYS;
    for (unsigned i = 0; rc == -EAGAIN && i <= RETRIES; i++) {
        refusal_clear();
        rc = write_once(t, insn, regs, source, &e);
    }
    frame_put(t->table);
    if (rc) {
        if (rc != -ENOSYS)
            refuse_report("ptwr", &e, rc == -EAGAIN ? -EBUSY : rc);
        return false;
    }
    trace("ptwr at %lx: L1[%u] of mfn %lx: %016lx -> %016lx\n", t->va, t->slot, t->table.n, e.old,
          e.new);
    if (rmw_is_string(insn))
        complete = rmw_string_step(insn, regs);
    insn_retire(v, regs, complete ? insn->length : 0, 0);
    return true;
}

bool ptwr_emulate(struct vcpu *v, struct cpu_regs *regs, uint64_t va)
{
    struct insn insn;
    struct code_segment cs;
    struct target t;
    uint64_t operand;

    if (mfn_eq(table_at(v, va), MFN_NONE)) /* looked for again below: see write_emulate() */
        return false;
    switch (fetch_insn(v, regs, &insn, &cs)) {
    case FETCH_OK:
        break;
    case FETCH_FAULTED:
        return true;
    default:
        return false;
    }
    operand = operand_va(&insn, regs);
    /* The operand lies where the CPU faulted, whole, and within one entry. */
    return cs.long_mode && operand == va && !(va & (insn.op_bytes - 1u)) && table_get(v, va, &t) &&
           write_emulate(v, regs, &t, &insn);
}
