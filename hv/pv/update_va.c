/* SPDX-License-Identifier: MIT */
/*
 * update_va_mapping: one L1 entry, named by the virtual address that it maps in the loaded kernel
 * tables, and the flush that goes with it.
 */
#include "dom/vcpu.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/guest_copy.h"
#include "mm/tlb.h"
#include "pt/entry_fast.h"
#include "pt/walk.h"
#include "pv/hypercall.h"
#include "pv/mmu_update.h"
#include "pv/refuse.h"

/* The flush that flags ask for, of this vCPU if it is among those named. 0 or -EFAULT. */
static long va_flush(uint64_t va, uint64_t flags)
{
    uint64_t set_va = flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK, set = ~0ul;

    if (!(flags & UVMF_FLUSHTYPE_MASK) || (flags & UVMF_FLUSHTYPE_MASK) == UVMF_FLUSHTYPE_MASK)
        return 0;
    if (set_va && set_va != UVMF_ALL && guest_read64(&set, set_va))
        return -EFAULT;
    if (!vcpu_set_flushes(set))
        return 0;
    if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH)
        tlb_flush_all();
    else
        tlb_flush_va(va);
    return 0;
}

static __attribute__((noinline)) long va_flush_page(uint64_t va)
{
    tlb_flush_va(va);
    return 0;
}

/*
 * Any case. The table was found without a reference: once it is locked as an L1, and is ours, it stays
 * (page_type_lock()).
 */
static __attribute__((noinline)) long update_va(uint64_t va, uint64_t value, uint64_t flags,
                                                uint16_t page_owner)
{
    const char *name = "update_va_mapping";
    struct vcpu *v = vcpu_current();
    struct entry_change c = { .level = 1, .new = value, .page_owner = page_owner };
    uint64_t l1;
    int rc;

    if (!guest_va_ok(va))
        return refused(name, -EINVAL, "address-not-the-guest's");
    l1 = walk_to_l1(v->cr3_kernel, va);
    if (l1 == WALK_NO_L1)
        return refused(name, -EINVAL, "no-L1-for-address");
    c.table = ma_to_mfn(l1);
    c.slot = walk_slot(va, 1);
    if (!page_type_lock(c.table, PT_L1))
        return refused(name, -EINVAL, "frame-is-no-L1");
    if (frame_owner(c.table) != v->domain->id) {
        page_type_unlock(c.table);
        return refused(name, -EINVAL, "frame-not-owned");
    }
    rc = entry_change(&c);
    page_type_unlock(c.table);
    if (rc)
        return refuse_report(name, &(struct refused_entry){ 0, 1, c.slot, c.old, value }, rc);
    trace("update_va_mapping %lx: L1[%u] of mfn %lx := %016lx\n", va, c.slot, c.table.n, value);
    return va_flush(va, flags);
}

static __attribute__((noinline)) long update_va_own(uint64_t va, uint64_t value, uint64_t flags)
{
    return update_va(va, value, flags, domain_current()->id);
}

/* What the short way below leaves behind: references first, then the rest, or all, of the request. */
static __attribute__((noinline, cold)) long update_va_drop(uint64_t va, uint64_t value,
                                                           uint64_t flags, entry_drop_t drop,
                                                           bool done)
{
    entry_fast_drop(drop);
    return done ? va_flush(va, flags) : update_va_own(va, value, flags);
}

/* The common case, a leaf: all that is not, ends in a jump to one of the two above. */
static inline __attribute__((always_inline)) long update_short(uint64_t va, uint64_t value,
                                                               uint64_t flags)
{
    const struct vcpu *v = vcpu_current();
    uint16_t owner = v->domain->id;
    struct frame *table;
    entry_drop_t drop;
    uint64_t l1;
    bool done;

    if (__builtin_expect(!hook_fast() || !guest_va_ok(va), 0))
        return update_va_own(va, value, flags);
    l1 = walk_to_l1(v->cr3_kernel, va);
    if (__builtin_expect(l1 == WALK_NO_L1, 0))
        return update_va_own(va, value, flags);
    table = frame_of_ma(l1);
    if (__builtin_expect(!l1_fast_lock(table, owner), 0))
        return update_va_own(va, value, flags);
    done =
        l1_fast_change((uint64_t *)((char *)ma_va(l1) + walk_offset(va, 1)), value, owner, &drop);
    entry_fast_unlock(table);
    if (__builtin_expect(drop != 0, 0))
        return update_va_drop(va, value, flags, drop, done);
    if (__builtin_expect(!done, 0))
        return update_va_own(va, value, flags);
    if (!flags)
        return 0;
    if ((flags & ~UVMF_ALL) != UVMF_INVLPG)
        return va_flush(va, flags);
    return va_flush_page(va);
}

/* For a value that is not present: by itself this needs hardly a register saved. */
static __attribute__((noinline)) long update_to_absent(uint64_t va, uint64_t value, uint64_t flags)
{
    if (value & PTE_P)
        __builtin_unreachable();
    return update_short(va, value, flags);
}

long hc_update_va_mapping(uint64_t va, uint64_t value, uint64_t flags, uint64_t a4, uint64_t a5)
{
    (void)a4;
    (void)a5;
    return value & PTE_P ? update_short(va, value, flags) : update_to_absent(va, value, flags);
}

long hc_update_va_mapping_otherdomain(uint64_t va, uint64_t value, uint64_t flags, uint64_t domid,
                                      uint64_t a5)
{
    uint16_t page_owner;
    int rc = foreign_owner((uint16_t)domid, &page_owner);

    (void)a5;
    if (rc)
        return refuse_report("update_va_mapping_otherdomain", 0, rc);
    return update_va(va, value, flags, page_owner);
}
