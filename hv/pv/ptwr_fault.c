/* SPDX-License-Identifier: MIT */
/*
 * A guest kernel's write to what it may only read: a store to a live L1 is carried out for it, with
 * VMASST_TYPE_writable_pagetables; anything else is its page fault. The stores that compilers make
 * take a short way, which asks the same questions as pv/ptwr.c; whatever is not common declines,
 * with nothing changed, and pv/ptwr.c asks all of them again and explains a refusal.
 *
 * Order: the code is read once; the entry is read once, under the table's lock, and changes by
 * compare-and-exchange; then the registers are the guest's.
 */
#include "guest_words.h"
#include "hooks.h"
#include "lib/x86.h"
#include "mm/guest_copy.h"
#include "pt/entry_fast.h"
#include "pt/walk.h"
#include "pv/bounce.h"
#include "pv/emulate.h"
#include "pv/ptwr.h"
#include "pv/store_form.h"

/* The entry by which v's kernel sees va, if it names a page that it may only read, or 0. */
static inline uint64_t read_only_entry(const struct vcpu *v, uint64_t va)
{
    uint64_t l1 = walk_to_l1(v->cr3_kernel, va), pte;

    if (__builtin_expect(l1 == WALK_NO_L1, 0))
        return 0;
    pte = walk_entry(l1, va, 1);
    return (pte & (PTE_P | PTE_RW)) == PTE_P && frame_valid(pte_mfn(pte)) ? pte : 0;
}

/* The store to what may be a table of owner's, at this machine address. False: declined. */
static inline __attribute__((always_inline)) bool store_carry_out(const struct store_form *f,
                                                                  struct cpu_regs *regs,
                                                                  uint64_t va, uint64_t table_ma,
                                                                  uint16_t owner)
{
    struct frame *table = frame_of_ma(table_ma);
    uint64_t *entry = ma_va(table_ma | (va & (PAGE_SIZE - 8))), old, new;
    bool done = true;
    entry_drop_t drop;

    if (__builtin_expect(!l1_fast_lock(table, owner), 0))
        return false;
    old = hook_guest_read64(entry);
    if (f->kind <= STORE_MOV)
        new = *store_register(regs, f->reg);
    else if (f->kind == STORE_IMM)
        new = f->value;
    else
        done = store_modify(f, regs, va, old, &new);
    drop = 0;
    done = done && l1_fast_replace(entry, old, new, owner, &drop);
    entry_fast_unlock(table);
    if (__builtin_expect(drop != 0, 0))
        entry_fast_drop(drop);
    if (!done)
        return false;
    if (f->kind == STORE_XCHG)
        *store_register(regs, f->reg) = old;
    else if (f->kind >= STORE_CMPXCHG)
        store_flags(f, regs, va, old, new);
    return true;
}

/* A single step is left to the general way, which has #DB follow. */
static inline __attribute__((always_inline)) bool ptwr_short(struct vcpu *v, struct cpu_regs *regs,
                                                             uint64_t va)
{
    uint64_t pte = read_only_entry(v, va), code;
    const struct store_form *f;

    if (__builtin_expect(!pte, 0) || __builtin_expect(regs->cs != FLAT_RING3_CS64, 0) ||
        __builtin_expect(regs->rflags & RFLAGS_TF, 0) ||
        __builtin_expect(!guest_va_ok(regs->rip), 0) || !guest_word_read(regs->rip, &code))
        return false;
    f = store_form_of(v, regs->rip, code);
    if (__builtin_expect(f->kind == STORE_NONE, 0) ||
        __builtin_expect(store_va(f, regs) != va, 0) || __builtin_expect(!store_fits(f, va), 0) ||
        !store_carry_out(f, regs, va, pte & PTE_ADDR_MASK, v->domain->id))
        return false;
    regs->rip += f->length;
    regs->rflags &= ~RFLAGS_RF;
    return true;
}

static __attribute__((noinline)) void ptwr_general(struct vcpu *v, struct cpu_regs *regs,
                                                   uint64_t va, bool assisted)
{
    if (!assisted || !ptwr_emulate(v, regs, va))
        bounce_page_fault(v, regs, va, PFEC_P | PFEC_W);
}

void ptwr_fault(struct cpu_regs *regs, uint64_t va)
{
    struct vcpu *v = vcpu_current();
    bool assisted = (v->domain->vm_assist & 1ul << VMASST_TYPE_writable_pagetables) &&
                    guest_va_ok(va);

    if (!assisted || !hook_fast() || !ptwr_short(v, regs, va))
        ptwr_general(v, regs, va, assisted);
}
