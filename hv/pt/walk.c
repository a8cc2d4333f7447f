/* SPDX-License-Identifier: MIT */
/* The page-table walk; see walk.h. Entries are read once each. */
#include "pt/walk.h"

bool walk_tables(struct walk *w, mfn_t root, uint64_t va)
{
    mfn_t table = root;

    w->level = 5;
    if (!va_canonical(va))
        return false;
    for (unsigned level = 4;; level--) {
        uint64_t pte;

        if (!frame_valid(table))
            return false;
        w->level = level;
        w->table[level] = table;
        w->slot[level] = walk_slot(va, level);
        pte = hook_guest_read64((uint64_t *)frame_va(table) + w->slot[level]);
        w->entry[level] = pte;
        if (level == 1)
            return true;
        if (!(pte & PTE_P) || (pte & PTE_PS))
            return false;
        table = pte_mfn(pte);
    }
}
