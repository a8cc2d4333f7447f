/*
 * SPDX-License-Identifier: MIT
 *
 * walk.c - see walk.h for the picture.
 */
#include "mm/walk.h"

#include "mm/p2m.h"

struct walk pt_walk(mfn_t root, uint64_t va)
{
    struct walk w = { .va = va, .level = 4 };
    mfn_t table = root;

    for (w.level = 4;; w.level--) {
        unsigned int level = w.level;

        w.table[level] = table;
        w.slot[level] = (const pte_t *)page_va(m2p(table)) + level_index(va, level);
        w.entry[level] = *(const volatile pte_t *)w.slot[level];
        if (level == 1 || !(w.entry[level] & PTE_P) || (w.entry[level] & PTE_PS))
            return w;
        table = pte_mfn(w.entry[level]);
    }
}

uint64_t walk_slot_ma(const struct walk *w, unsigned int level)
{
    return mfn_to_ma(w->table[level]) + level_index(w->va, level) * sizeof(pte_t);
}

bool pt_walk_next(mfn_t root, uint64_t va, uint64_t end, struct walk *w)
{
    while (va < end) {
        *w = pt_walk(root, va);
        if (w->level == 1 && w->entry[1])
            return true;
        /* Next entry of the level that ended the walk; an overflow ends the search. */
        uint64_t step = 1UL << level_shift(w->level);
        uint64_t next = (va & ~(step - 1)) + step;

        if (next <= va)
            break;
        va = next;
    }
    return false;
}
