/*
 * SPDX-License-Identifier: MIT
 *
 * area.c - what several rows work on: an L1 with one page, and page tables made by hand.
 *
 * Invariant: outside a row AREA_VA is mapped by bench_area()->entry, and the page-fault handler is the
 * library's.
 */
#include "bench.h"

#include "guest.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/pt_update.h"
#include "traps.h"

extern const uint64_t trap_stubs[];
extern void (*bench_fault_call)(void);
void bench_fault_entry(void);

const struct bench_area *bench_area(void)
{
    static struct bench_area area;
    struct walk w;

    if (area.l1_ma)
        return &area;
    area.entry = pte_make(p2m(bench_page()), AREA_FLAGS);
    bench_check(pt_map(aspace_active, AREA_VA, pte_mfn(area.entry), AREA_FLAGS), "area");
    w = pt_walk(aspace_root(aspace_active), AREA_VA);
    area.l1_ma = walk_slot_ma(&w, 1);
    area.l2_ma = walk_slot_ma(&w, 2);
    area.l2_entry = w.entry[2];
    return &area;
}

pfn_t bench_page(void)
{
    pfn_t page = page_alloc_zero(PAGE_KERNEL);

    if (page_none(page))
        guest_panic("bench: no page left");
    return page;
}

void bench_protect(pfn_t page, bool writable)
{
    bench_check(hypercall_update_va_mapping(
                    (uint64_t)page_va(page),
                    pte_make(p2m(page), PTE_P | PTE_NX | (writable ? PTE_RW : 0)), UVMF_INVLPG),
                "rights in the direct map");
}

void bench_mmuext(unsigned int cmd, mfn_t mfn)
{
    mmuext_op_t op = { .cmd = cmd, .arg1.mfn = mfn.n };

    bench_check(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), "mmuext_op");
}

void bench_set(uint64_t ma, pte_t entry)
{
    mmu_update_t request = { ma, entry };

    bench_check(hypercall_mmu_update(&request, 1, NULL, DOMID_SELF), "mmu_update");
}

void bench_fault_handler(void (*handler)(void))
{
    struct trap_info gate[2] = {
        { .vector = TRAP_PF,
          .flags = TRAP_MASK_EVENTS,
          .cs = FLAT_KERNEL_CS,
          .address = handler ? (uint64_t)bench_fault_entry : trap_stubs[TRAP_PF] },
    };

    bench_fault_call = handler;
    bench_check(hypercall_set_trap_table(gate), "trap table");
}
