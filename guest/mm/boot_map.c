/*
 * SPDX-License-Identifier: MIT
 *
 * boot_map.c - from the builder's initial mapping to the guest's own layout.
 *
 * The builder maps [VIRT_BASE, v_end) writable, its page tables read-only, and nothing else.  Here:
 *   1. the free pages at its end are unmapped, so that the direct map will be their only mapping;
 *   2. image: text read-only, data no-execute, guard page below the boot stack;
 *   3. direct map: an L3, then L2s, then full L1s are filled through one scratch address, hooked
 *      top down.  Which PFNs hold these tables is known beforehand, so they are read-only in the
 *      L1s from the start, as are the boot tables and the text: no frame ever has a writable alias.
 */
#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "mm/pt_page.h"
#include "mm/pt_update.h"

extern char image_start[], text_end[], rodata_end[], image_end[], boot_stack_guard[];

uint64_t page_base_va = IMAGE_VA;
uint64_t *p2m_list;
uint64_t p2m_count;

static pfn_t boot_tables, boot_tables_end; /* the builder's */
static pfn_t own_tables, own_tables_end;   /* the direct map's */

void p2m_init(const start_info_t *si)
{
    p2m_list = (uint64_t *)si->mfn_list;
    p2m_count = si->nr_pages;
}

static void must(long rc, const char *what)
{
    if (rc)
        guest_panic("boot_map: %s: error %ld", what, rc);
}

void mm_map_shared_info(const start_info_t *si)
{
    must(hypercall_update_va_mapping(
             (uint64_t)&shared_info_page,
             pte_make(ma_to_mfn(si->shared_info), PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX),
             UVMF_INVLPG),
         "shared_info");
}

static void protect(const char *start, const char *end, uint64_t flags)
{
    for (uint64_t va = (uint64_t)start; va < (uint64_t)end; va += PAGE_SIZE)
        must(hypercall_update_va_mapping(va, pte_make(p2m(image_pfn((void *)va)), PTE_P | flags),
                                         UVMF_INVLPG),
             "image rights");
}

/* shared_info's page is mapped elsewhere by now and keeps its rights. */
static void image_protect(void)
{
    protect(image_start, text_end, 0);
    protect(text_end, rodata_end, PTE_NX);
    protect(rodata_end, (char *)&shared_info_page, PTE_RW | PTE_NX);
    protect((char *)&shared_info_page + PAGE_SIZE, image_end, PTE_RW | PTE_NX);
    must(hypercall_update_va_mapping((uint64_t)boot_stack_guard, 0, UVMF_INVLPG), "stack guard");
}

/* First PFN behind everything the builder put into the initial mapping (its stack comes last). */
static pfn_t first_free(const start_info_t *si)
{
    uint64_t end = si->pt_base + (si->nr_pt_frames + 1) * PAGE_SIZE;
    uint64_t others[] = {
        (uint64_t)image_end,
        si->mfn_list + si->nr_pages * sizeof(uint64_t),
        (uint64_t)si + PAGE_SIZE,
        si->flags & SIF_MOD_START_PFN ? 0 : si->mod_start + si->mod_len,
    };

    for (unsigned int i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (others[i] > end)
            end = others[i];
    return image_pfn((void *)page_ceil(end));
}

static void unmap_rest(pfn_t first)
{
    for (uint64_t va = image_va(first);; va += PAGE_SIZE) {
        struct walk w = pt_walk(aspace_root(&kernel_aspace), va);

        if (!walk_mapped(&w))
            return;
        must(hypercall_update_va_mapping(va, 0, UVMF_INVLPG), "unmapping the rest");
    }
}

static bool in(pfn_t pfn, pfn_t start, pfn_t end)
{
    return pfn.n >= start.n && pfn.n < end.n;
}

static pte_t direct_entry(pfn_t pfn)
{
    bool readonly = in(pfn, boot_tables, boot_tables_end) || in(pfn, own_tables, own_tables_end) ||
                    in(pfn, image_pfn(image_start), image_pfn(rodata_end));

    if (pfn.n >= p2m_count || p2m(pfn).n == MFN_NONE.n)
        return 0;
    return pte_make(p2m(pfn), PTE_P | PTE_NX | PTE_A | PTE_D | (readonly ? 0 : PTE_RW));
}

/* Fills the table at `pfn` through the scratch address: an L1 for the PFNs from `first` on. */
static void table_fill(uint64_t scratch, pfn_t pfn, bool is_l1, pfn_t first)
{
    pte_t *table = (pte_t *)scratch;

    must(hypercall_update_va_mapping(scratch, pte_make(p2m(pfn), PTE_P | PTE_RW | PTE_NX),
                                     UVMF_INVLPG),
         "scratch");
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        table[i] = is_l1 ? direct_entry(pfn_add(first, i)) : 0;
    must(hypercall_update_va_mapping(scratch, 0, UVMF_INVLPG), "scratch");
}

static void table_hook(pfn_t parent, unsigned int index, pfn_t child)
{
    mmu_update_t req = {
        .ptr = (mfn_to_ma(p2m(parent)) + index * sizeof(pte_t)) | MMU_NORMAL_PT_UPDATE,
        .val = pte_make(p2m(child), PT_TABLE_FLAGS),
    };

    must(hypercall_mmu_update(&req, 1, NULL, DOMID_SELF), "hooking the direct map");
}

static void direct_map_build(pfn_t first)
{
    uint64_t scratch = image_va(first);
    uint64_t l1s = (p2m_count + PT_ENTRIES - 1) / PT_ENTRIES;
    uint64_t l2s = (l1s + PT_ENTRIES - 1) / PT_ENTRIES;
    pfn_t l3 = first, l2 = pfn_add(first, 1), l1 = pfn_add(l2, l2s);

    own_tables = first;
    own_tables_end = pfn_add(l1, l1s);
    if (own_tables_end.n >= p2m_count)
        guest_panic("boot_map: %lu pages are too few", p2m_count);

    table_fill(scratch, l3, false, pfn_of(0));
    table_hook(kernel_aspace.l4, KERNEL_L4_SLOT, l3);
    for (uint64_t i = 0; i < l2s; i++) {
        table_fill(scratch, pfn_add(l2, i), false, pfn_of(0));
        table_hook(l3, (unsigned int)i, pfn_add(l2, i));
    }
    for (uint64_t i = 0; i < l1s; i++) {
        table_fill(scratch, pfn_add(l1, i), true, pfn_of(i * PT_ENTRIES));
        table_hook(pfn_add(l2, i / PT_ENTRIES), i % PT_ENTRIES, pfn_add(l1, i));
    }
}

void mm_init(const start_info_t *si)
{
    static const uint64_t own_slots[] = { HEAP_VA, STACKS_VA, ARENA_VA };

    kernel_aspace.l4 = image_pfn((void *)si->pt_base);
    boot_tables = kernel_aspace.l4;
    boot_tables_end = pfn_add(boot_tables, si->nr_pt_frames);

    pfn_t first = first_free(si);
    unmap_rest(first);
    image_protect();
    direct_map_build(first);
    page_base_va = DIRECT_MAP_VA;
    page_init(own_tables_end, p2m_count);
    for (unsigned int i = 0; i < sizeof(own_slots) / sizeof(own_slots[0]); i++)
        must(pt_tables_ensure(&kernel_aspace, own_slots[i], 3, NULL), "kernel tables");
}
