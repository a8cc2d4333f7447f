/*
 * SPDX-License-Identifier: MIT
 *
 * stage.c - makes the frames and page tables of the suite.
 */
#include "stage.h"

#include "record.h"

#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/pt_page.h"
#include "traps.h"

const domid_t stage_domids[STAGE_DOMIDS] = { DOMID_SELF, 0,         1,         0x7fef,
                                             DOMID_IO,   DOMID_XEN, DOMID_COW, DOMID_INVALID,
                                             DOMID_IDLE, 0xffff };

struct kind kinds[KINDS];

void must(long rc, const char *what)
{
    if (rc)
        guest_panic("conform: %s: %ld", what, rc);
}

long page_rights(pfn_t pfn, uint64_t flags)
{
    return hypercall_update_va_mapping((uint64_t)page_va(pfn),
                                       flags ? pte_make(p2m(pfn), flags | PTE_NX) : 0, UVMF_INVLPG);
}

long update_one(uint64_t ptr, uint64_t value, unsigned int *done)
{
    mmu_update_t req = { ptr, value };

    return hypercall_mmu_update(&req, 1, done, DOMID_SELF);
}

static void own(unsigned int kind, const char *name, pfn_t pfn)
{
    if (page_none(pfn))
        guest_panic("conform: no memory for %s", name);
    kinds[kind] = (struct kind){ name, p2m(pfn), pfn };
    record_name(p2m(pfn), name);
}

static void other(unsigned int kind, const char *name, uint64_t mfn)
{
    kinds[kind] = (struct kind){ name, mfn_of(mfn), PFN_NONE };
    record_name(mfn_of(mfn), name);
}

static void table(unsigned int kind, const char *name, unsigned int level)
{
    pfn_t pfn;

    must(pt_page_make(level, NULL, &pfn), name);
    own(kind, name, pfn);
}

/* RAM that belongs to no domain: the M2P says so. */
static uint64_t free_frame(uint64_t end)
{
    struct trap_report report;
    uint64_t pfn;

    for (uint64_t mfn = 0x1000; mfn < end; mfn++)
        if (!probe_read(M2P_VA_START + mfn * sizeof(uint64_t), &pfn, &report) && !~pfn)
            return mfn;
    guest_panic("conform: the M2P has no free frame");
}

static uint64_t m2p_frame(void)
{
    static xen_pfn_t mfn;
    struct xen_machphys_mfn_list list = { .max_extents = 1 };

    set_xen_guest_handle(list.extent_start, &mfn);
    must(hypercall_memory_op(XENMEM_machphys_mfn_list, &list), "machphys_mfn_list");
    return mfn;
}

static void hook(unsigned int parent, unsigned int index, unsigned int child, uint64_t flags)
{
    must(update_one(slot_ma(&kinds[parent], index), pte_make(kinds[child].mfn, flags), NULL),
         "hook");
}

void stage_make(void)
{
    uint64_t end = (uint64_t)hypercall_memory_op(XENMEM_maximum_ram_page, NULL);

    own(KIND_A, "a", page_alloc_zero(PAGE_KERNEL));
    own(KIND_B, "b", page_alloc_zero(PAGE_KERNEL));
    own(KIND_RO, "ro", page_alloc_zero(PAGE_KERNEL));
    own(KIND_BARE, "bare", page_alloc_zero(PAGE_KERNEL));
    table(KIND_L1, "l1", 1);
    table(KIND_L2, "l2", 2);
    table(KIND_L3, "l3", 3);
    table(KIND_L4, "l4", 4);
    table(KIND_T1, "t1", 1);
    table(KIND_T2, "t2", 2);
    table(KIND_T3, "t3", 3);
    table(KIND_T4, "t4", 4);
    own(KIND_ROOT, "root", kernel_aspace.l4);
    own(KIND_SEG, "seg", page_alloc_zero(PAGE_KERNEL));
    other(KIND_SHARED, "shared", guest_start_info->shared_info >> PAGE_SHIFT);
    other(KIND_FREE, "free", free_frame(end));
    other(KIND_M2P, "m2p", m2p_frame());
    other(KIND_ZERO, "zero", 0);
    other(KIND_VGA, "vga", 0xa0);
    other(KIND_APIC, "apic", 0xfee00);
    other(KIND_LAST, "last", end - 1);
    other(KIND_END, "end", end);
    other(KIND_FAR, "far", end | 1UL << 35);
    other(KIND_ONES_, "ones-1", MFN_INVALID_BITS - 1);
    other(KIND_ONES, "ones", MFN_INVALID_BITS);

    must(page_rights(kinds[KIND_RO].pfn, PTE_P), "ro");
    must(page_rights(kinds[KIND_BARE].pfn, 0), "bare");
    must(page_rights(kinds[KIND_SEG].pfn, PTE_P), "seg");
    must(hypercall_set_gdt(&kinds[KIND_SEG].mfn.n, 512), "set_gdt");
    hook(KIND_L1, STAGE_INDEX, KIND_A, PTE_P);
    hook(KIND_L2, STAGE_INDEX, KIND_L1, PT_TABLE_FLAGS);
    hook(KIND_L3, STAGE_INDEX, KIND_L2, PT_TABLE_FLAGS);
    hook(KIND_L4, STAGE_L4_INDEX, KIND_L3, PT_TABLE_FLAGS);
    /* Only the L4 stays pinned: the others hang on it. */
    for (unsigned int kind = KIND_L1; kind <= KIND_L3; kind++)
        must(mmuext_one(MMUEXT_UNPIN_TABLE, kinds[kind].mfn), "unpin");
}
