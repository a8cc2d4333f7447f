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
#include "pt/entry.h"
#include "pt/walk.h"
#include "pv/hypercall.h"
#include "pv/mmu_update.h"
#include "pv/refuse.h"

/*
 * The flush that flags ask for. With one physical CPU every target set that names the caller is
 * "local"; the bitmap is still read, since an unreadable one is an error. 0 or -EFAULT.
 */
static long va_flush(uint64_t va, uint64_t flags)
{
    uint64_t mask_va = flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK, mask;

    if (!(flags & UVMF_FLUSHTYPE_MASK) || (flags & UVMF_FLUSHTYPE_MASK) == UVMF_FLUSHTYPE_MASK)
        return 0;
    if (mask_va && mask_va != UVMF_ALL && guest_read64(&mask, mask_va))
        return -EFAULT;
    if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH)
        tlb_flush_all();
    else
        tlb_flush_va(va);
    return 0;
}

/* Not the way of a request that is granted: finds the entry again for the explanation. */
static __attribute__((noinline, cold)) long update_refused(uint64_t va, uint64_t value, mfn_t table,
                                                           long rc)
{
    unsigned slot = walk_slot(va, 1);
    uint64_t old = ((const uint64_t *)frame_va(table))[slot];

    return refuse_report("update_va_mapping", &(struct refused_entry){ 0, 1, slot, old, value },
                         rc);
}

/*
 * The table was found without a reference: once it is locked as an L1, and is ours, it stays
 * (page_type_lock()).
 */
static inline long update_va(struct vcpu *v, uint64_t va, uint64_t value, uint64_t flags,
                             uint16_t page_owner)
{
    mfn_t table;
    long rc;

    if (!guest_va_ok(va))
        return refused("update_va_mapping", -EINVAL, "address-not-the-guest's");
    if (!walk_to_l1(ma_to_mfn(v->cr3_kernel), va, &table))
        return refused("update_va_mapping", -EINVAL, "no-L1-for-address");
    if (!page_type_lock(table, PT_L1))
        return refused("update_va_mapping", -EINVAL, "frame-is-no-L1");
    if (__builtin_expect(frame_owner(table) != v->domain->id, 0)) {
        page_type_unlock(table);
        return refused("update_va_mapping", -EINVAL, "frame-not-owned");
    }
    rc = l1_entry_write(table, walk_slot(va, 1), value, page_owner);
    page_type_unlock(table);
    if (__builtin_expect(rc != 0, 0))
        return update_refused(va, value, table, rc);
    trace("update_va_mapping %lx: L1[%u] of mfn %lx := %016lx\n", va, walk_slot(va, 1), table.n,
          value);
    return flags ? va_flush(va, flags) : 0;
}

long hc_update_va_mapping(uint64_t va, uint64_t value, uint64_t flags, uint64_t a4, uint64_t a5)
{
    struct vcpu *v = vcpu_current();

    (void)a4;
    (void)a5;
    return update_va(v, va, value, flags, v->domain->id);
}

long hc_update_va_mapping_otherdomain(uint64_t va, uint64_t value, uint64_t flags, uint64_t domid,
                                      uint64_t a5)
{
    uint16_t page_owner;
    int rc = foreign_owner((uint16_t)domid, &page_owner);

    (void)a5;
    if (rc)
        return refuse_report("update_va_mapping_otherdomain", 0, rc);
    return update_va(vcpu_current(), va, value, flags, page_owner);
}
