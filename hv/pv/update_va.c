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
    uint64_t mask_va = flags & ~(uint64_t)(UVMF_FLUSHTYPE_MASK | UVMF_ALL), mask;

    if (!(flags & UVMF_FLUSHTYPE_MASK) || (flags & UVMF_FLUSHTYPE_MASK) == UVMF_FLUSHTYPE_MASK)
        return 0;
    if (mask_va && !(flags & UVMF_ALL) && guest_read64(&mask, mask_va))
        return -EFAULT;
    if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH)
        tlb_flush_all();
    else
        tlb_flush_va(va);
    return 0;
}

static long update_va(uint64_t va, uint64_t value, uint64_t flags, uint16_t page_owner)
{
    struct vcpu *v = vcpu_current();
    uint16_t owner = v->domain->id;
    struct entry_change c = { .level = 1, .new = value, .page_owner = page_owner };
    struct walk w;
    long rc;

    if (!guest_va_ok(va))
        return refused("update_va_mapping", -EINVAL, "address-not-the-guest's");
    if (!walk_tables(&w, ma_to_mfn(v->cr3_kernel), va) || !frame_get(w.table[1], owner))
        return refused("update_va_mapping", -EINVAL, "no-L1-for-address");
    if (!page_type_lock(w.table[1], PT_L1)) {
        frame_put(w.table[1]);
        return refused("update_va_mapping", -EINVAL, "frame-is-no-L1");
    }
    c.table = w.table[1];
    c.slot = w.slot[1];
    rc = entry_change(&c);
    page_type_unlock(c.table);
    frame_put(c.table);
    if (rc)
        return refuse_report("update_va_mapping",
                             &(struct refused_entry){ 0, 1, c.slot, c.old, value }, rc);
    trace("update_va_mapping %lx: L1[%u] of mfn %lx: %016lx -> %016lx\n", va, c.slot, c.table.n, c.old,
          value);
    return flags ? va_flush(va, flags) : 0;
}

long hc_update_va_mapping(uint64_t va, uint64_t value, uint64_t flags, uint64_t a4, uint64_t a5)
{
    (void)a4;
    (void)a5;
    return update_va(va, value, flags, domain_current()->id);
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
