/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls set_gdt and update_descriptor, SET_LDT, and the faults that map LDT pages.
 * Invariant: a frame in v->gdt_mfn, or in v->ldt_mfn with its bit in ldt_mapped, holds one general and
 * one PT_SEG reference, which go only after the window no longer shows it and the TLB is flushed.
 */
#include "pv/descriptor.h"

#include "dom/sched.h"
#include "hooks.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/guest_copy.h"
#include "mm/tlb.h"
#include "pt/walk.h"
#include "pv/emulate.h"
#include "pv/hypercall.h"
#include "pv/refuse.h"

#define ENTRIES_PER_PAGE (PAGE_SIZE / 8)
#define LDT_PAGES        (LDT_MAX_ENTRIES * 8 / PAGE_SIZE)
#define SELECTOR_TI      4u

/* The CPU sets accessed bits in descriptors when it loads a segment: the windows are writable. */
#define WINDOW_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)

static uint64_t ldt_window_va(const struct vcpu *v, unsigned page)
{
    return PERDOMAIN_VA + v->id * PERDOMAIN_VCPU_SIZE + PERDOMAIN_LDT_OFFSET + page * PAGE_SIZE;
}

static void gdt_put(const mfn_t *mfns, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++)
        if (mfns[i].n != MFN_NONE.n)
            page_put_typed(mfns[i]);
}

long gdt_set(struct vcpu *v, const uint64_t *frames, uint32_t entries)
{
    unsigned pages = (entries + ENTRIES_PER_PAGE - 1) / ENTRIES_PER_PAGE;
    uint32_t old_entries = v->gdt_entries;
    mfn_t new[GDT_GUEST_PAGES], old[GDT_GUEST_PAGES];
    int rc;

    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++) {
        old[i] = v->gdt_mfn[i];
        new[i] = i < pages ? mfn_of(frames[i]) : MFN_NONE;
    }
    for (unsigned i = 0; i < pages; i++) {
        if (page_get_typed(new[i], v->domain->id, PT_SEG)) {
            gdt_put(new, i);
            return -EINVAL;
        }
    }
    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
        v->gdt_mfn[i] = new[i];
    v->gdt_entries = entries;
    rc = cpu_gdt_map(v);
    if (rc) {
        for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
            v->gdt_mfn[i] = old[i];
        v->gdt_entries = old_entries;
        (void)cpu_gdt_map(v); /* the tables of the window are there now or were before */
        gdt_put(new, pages);
        return refuse(rc, "out-of-memory", MFN_NONE, 0);
    }
    gdt_put(old, GDT_GUEST_PAGES);
    return 0;
}

long hc_set_gdt(uint64_t frames_va, uint64_t entries_arg, uint64_t a3, uint64_t a4, uint64_t a5)
{
    uint32_t entries = (uint32_t)entries_arg;
    uint64_t frames[GDT_GUEST_PAGES];
    size_t pages = ((uint64_t)entries + ENTRIES_PER_PAGE - 1) / ENTRIES_PER_PAGE;
    long rc;

    (void)a3;
    (void)a4;
    (void)a5;
    if (entries > GDT_GUEST_ENTRIES)
        return refused("set_gdt", -EINVAL, "gdt-entries");
    if (pages && guest_read(frames, frames_va, pages * sizeof(frames[0])))
        return refused("set_gdt", -EFAULT, "frame-list-unreadable");
    rc = gdt_set(vcpu_current(), frames, entries);
    if (rc)
        return refuse_report("set_gdt", 0, rc);
    trace("set_gdt: %u entries, first frame mfn %lx\n", entries, entries ? frames[0] : 0);
    return 0;
}

/*
 * The frame keeps the type that it has for the time of the store: descriptors, or plain memory. A type
 * that nobody holds is none: what failed to become descriptors is plain memory.
 */
static long descriptor_store(uint64_t ma, uint64_t desc)
{
    mfn_t mfn = ma_to_mfn(ma);
    bool is_seg;
    int rc;

    if (ma & 7)
        return refuse(-EINVAL, "address-unaligned", mfn, desc);
    if (descriptor_check(&desc))
        return -EINVAL;
    if (!frame_get(mfn, domain_current()->id))
        return -EINVAL;
    is_seg = frame_type(mfn) == PT_SEG && frame_type_refs(mfn);
    rc = page_type_get(mfn, is_seg ? PT_SEG : PT_WRITABLE);
    if (!rc) {
        *(volatile uint64_t *)((char *)frame_va(mfn) + (ma & (PAGE_SIZE - 1))) = desc;
        page_type_put(mfn);
    }
    frame_put(mfn);
    return rc ? -EINVAL : 0;
}

long hc_update_descriptor(uint64_t ma, uint64_t desc, uint64_t a3, uint64_t a4, uint64_t a5)
{
    long rc = descriptor_store(ma, desc);

    (void)a3;
    (void)a4;
    (void)a5;
    return rc ? refuse_report("update_descriptor", 0, rc) : 0;
}

void ldt_unmap(struct vcpu *v)
{
    uint16_t mapped = v->ldt_mapped;

    if (!mapped)
        return;
    v->ldt_mapped = 0;
    for (unsigned i = 0; i < LDT_PAGES; i++)
        if (mapped & 1u << i)
            (void)perdomain_set(&v->domain->perdomain, ldt_window_va(v, i), 0);
    tlb_flush_all();
    for (unsigned i = 0; i < LDT_PAGES; i++)
        if (mapped & 1u << i)
            page_put_typed(v->ldt_mfn[i]);
}

long ldt_set(uint64_t va, uint64_t entries)
{
    struct vcpu *v = vcpu_current();

    if (entries > LDT_MAX_ENTRIES)
        return refuse(-EINVAL, "ldt-entries", MFN_NONE, entries);
    if (entries && ((va & (PAGE_SIZE - 1)) || !guest_va_ok(va)))
        return refuse(-EINVAL, "ldt-address", MFN_NONE, va);
    if (va == v->ldt_va && entries == v->ldt_entries)
        return 0;
    ldt_unmap(v);
    v->ldt_va = entries ? va : 0;
    v->ldt_entries = (uint32_t)entries;
    cpu_ldt_load(v);
    trace("set_ldt: %lx, %lu entries\n", va, entries);
    return 0;
}

bool ldt_window_offset(const struct vcpu *v, uint64_t va, uint64_t *offset)
{
    *offset = va - ldt_window_va(v, 0);
    return *offset < (uint64_t)v->ldt_entries * 8;
}

bool ldt_fault(struct vcpu *v, uint64_t va)
{
    struct walk w;
    uint64_t offset;
    unsigned page;
    mfn_t mfn;
    int rc;

    if (!ldt_window_offset(v, va, &offset))
        return false;
    page = (unsigned)(offset / PAGE_SIZE);
    if (v->ldt_mapped & 1u << page)
        return false; /* mapped, and it faulted all the same */
    if (!walk_tables(&w, ma_to_mfn(v->cr3_kernel), v->ldt_va + offset) || !(w.entry[1] & PTE_P))
        return false;
    mfn = pte_mfn(w.entry[1]);
    rc = page_get_typed(mfn, v->domain->id, PT_SEG);
    if (!rc) {
        rc = perdomain_set(&v->domain->perdomain, ldt_window_va(v, page),
                           pte_make(mfn, WINDOW_FLAGS));
        if (rc)
            page_put_typed(mfn);
    }
    if (rc) {
        refuse_report("LDT page", 0, rc);
        return false;
    }
    v->ldt_mfn[page] = mfn;
    v->ldt_mapped |= (uint16_t)(1u << page);
    trace("ldt page %u: mfn %lx\n", page, mfn.n);
    return true;
}

void vcpu_descriptors_release(struct vcpu *v)
{
    ldt_unmap(v);
    v->ldt_entries = 0;
    gdt_put(v->gdt_mfn, GDT_GUEST_PAGES);
    for (unsigned i = 0; i < GDT_GUEST_PAGES; i++)
        v->gdt_mfn[i] = MFN_NONE;
    v->gdt_entries = 0;
}

bool segment_descriptor(const struct vcpu *v, uint16_t sel, uint64_t *desc)
{
    unsigned index = sel >> 3, page = index / ENTRIES_PER_PAGE;
    mfn_t mfn;

    if (sel & SELECTOR_TI) {
        if (index >= v->ldt_entries || !(v->ldt_mapped & 1u << page))
            return false;
        mfn = v->ldt_mfn[page];
    } else {
        if ((sel | 3) == FLAT_RING3_CS64 || (sel | 3) == FLAT_RING3_CS32) {
            *desc = DESC_P | DESC_S | DESC_CODE | DESC_DPL_MASK |
                    ((sel | 3) == FLAT_RING3_CS64 ? DESC_L : DESC_D);
            return true;
        }
        if (index >= GDT_GUEST_ENTRIES || v->gdt_mfn[page].n == MFN_NONE.n)
            return false;
        mfn = v->gdt_mfn[page];
    }
    *desc = hook_guest_read64((uint64_t *)frame_va(mfn) + index % ENTRIES_PER_PAGE);
    return true;
}
