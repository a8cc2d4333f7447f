/* SPDX-License-Identifier: MIT */
/*
 * The first page tables of a domain. They are filled as plain memory and then promoted by pinning
 * the L4, through the same checks as a guest's own tables: counts are right because nothing here
 * touches counts.
 *
 * ABI: nr_pt_frames contiguous pages from pt_base, the L4 first, mapped read-only in the region;
 * entries start accessed and dirty, the L1 ones marked as the guest kernel's.
 */
#include "dom/build_plan.h"

#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "pt/pin.h"

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D)
#define PAGE_FLAGS  (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D | PTE_GUEST_KERNEL)

/* Page-table pages still to be handed out. */
struct pool {
    uint64_t pfn, end;
};

uint64_t build_tables_count(uint64_t va, uint64_t bytes)
{
    uint64_t last = va + bytes - 1, count = 0;

    for (unsigned level = 1; level <= 3; level++)
        count += (last >> level_shift(level + 1)) - (va >> level_shift(level + 1)) + 1;
    return count;
}

static uint64_t *table_below(const struct build_plan *b, uint64_t *entry, struct pool *pool)
{
    if (!(*entry & PTE_P)) {
        ASSERT(pool->pfn < pool->end);
        *entry = pte_make(build_mfn(b, pool->pfn++), TABLE_FLAGS);
    }
    return frame_va(pte_mfn(*entry));
}

/* The L1 that maps va; tables on the way are taken from the pool. */
static uint64_t *l1_of(const struct build_plan *b, uint64_t va, struct pool *pool)
{
    uint64_t *table = frame_va(build_mfn(b, b->tables.pfn));

    for (unsigned level = 4; level > 1; level--)
        table = table_below(b, &table[level_index(va, level)], pool);
    return table;
}

static void map_pages(const struct build_plan *b, uint64_t va, uint64_t pfn, uint64_t pages,
                      uint64_t flags, struct pool *pool)
{
    while (pages) {
        uint64_t *l1 = l1_of(b, va, pool), run;
        unsigned slot = l1_index(va), n;
        mfn_t mfn = build_mfn_run(b, pfn, &run);

        if (run > pages)
            run = pages;
        if (run > 512u - slot)
            run = 512u - slot;
        n = (unsigned)run;
        for (uint64_t *entry = &l1[slot], *end = entry + n; entry < end; entry++, mfn.n++)
            *entry = pte_make(mfn, flags);
        va += run * PAGE_SIZE;
        pfn += run;
        pages -= run;
    }
}

/* Promotion is resumable, and others may want the CPU. */
static int pin_root(struct domain *d, mfn_t root)
{
    int rc;

    while ((rc = page_pin(root, d->id, PT_L4)) == -ERESTART)
        hook_reschedule();
    return rc ? rc : root_get(root, d->id);
}

int build_tables(struct build_plan *b)
{
    struct pool pool = { b->tables.pfn + 1, b->tables.pfn + b->tables.pages };
    struct pool p2m_pool = { b->p2m_tables.pfn, b->p2m_tables.pfn + b->p2m_tables.pages };
    mfn_t root = build_mfn(b, b->tables.pfn);
    int rc;

    map_pages(b, b->v_start, 0, (b->v_end - b->v_start) / PAGE_SIZE, PAGE_FLAGS, &pool);
    map_pages(b, build_va(b, b->tables.pfn), b->tables.pfn, b->tables.pages, PAGE_FLAGS & ~PTE_RW,
              &pool);
    if (b->p2m_apart)
        map_pages(b, b->p2m_va, b->p2m.pfn, b->p2m.pages, PAGE_FLAGS, &p2m_pool);
    rc = pin_root(b->d, root);
    if (rc) {
        const struct refusal *r = &this_cpu()->refusal;

        printk(LOG_ERROR, "Initial page tables are refused: rule %s, L%u[%u]=%016lx, error %d\n",
               r->rule ? r->rule : "?", r->level, r->slot, r->entry, rc);
        return rc;
    }
    hv_map_show_m2p(frame_va(root), 1);
    b->d->vcpu[0]->cr3_kernel = mfn_to_ma(root);
    return 0;
}
