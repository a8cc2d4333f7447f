/*
 * SPDX-License-Identifier: MIT
 *
 * ask_mmu_update.c - mmu_update: its commands, its addresses, its batches.
 */
#include "ask.h"
#include "record.h"

#include "hypercall.h"
#include "mm/p2m.h"
#include "mm/page.h"
#include "mm/pt_page.h"

void ask_mmu_update(void)
{
    pfn_t l1, page = page_alloc_zero(PAGE_KERNEL);
    unsigned int done = 77;

    if (pt_page_make(1, NULL, &l1))
        return;
    record_name(p2m(page), "a");
    record_name(p2m(l1), "l1");
    for (unsigned int cmd = 0; cmd < 8; cmd++) {
        mmu_update_t req = { mfn_to_ma(p2m(l1)) | cmd, pte_make(p2m(page), PTE_P) };

        done = 77;
        ask("mmu_update/cmd/%u", cmd);
        tell_rc(hypercall_mmu_update(&req, 1, &done, DOMID_SELF));
        tell("done=%u", done);
        tell_pte("pte", *(pte_t *)page_va(l1));
        told();
    }
    record_unname(p2m(page));
    record_unname(p2m(l1));
}
