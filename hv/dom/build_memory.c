/* SPDX-License-Identifier: MIT */
/*
 * The memory of a domain that is being built: few large extents, so that neither lookups nor copies
 * cost anything for each page. Caller: dom/build.c.
 */
#include "dom/build_plan.h"

#include "dom/recipe.h"
#include "hooks.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/m2p.h"
#include "mm/page_alloc.h"

#define PIECE_ORDER 9u /* 2 MiB are cleared or copied before others may run */
#define PIECE_BYTES (PAGE_SIZE << PIECE_ORDER)

static void pause_for_others(void)
{
    if (hook_preempt_now())
        hook_reschedule();
}

/* The largest block to ask for. Nobody else runs at boot: one then gets large ones. */
static unsigned order_below(const struct build_plan *b, uint64_t pages)
{
    bool again = b->d->id != b->d->recipe->id;
    unsigned order = 63 - (unsigned)__builtin_clzl(pages),
             most = again ? PIECE_ORDER : PAGE_ORDER_MAX;

    return order < most ? order : most;
}

static void extent_add(struct build_plan *b, uint64_t pfn, mfn_t mfn, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        m2p_set(mfn_add(mfn, i), pfn + i);
    /* Buddies that follow each other in the machine are one extent. */
    if (b->extents) {
        const struct build_extent *last = &b->extent[b->extents - 1];

        if (last->mfn.n + (pfn - last->pfn) == mfn.n) {
            b->extent[b->extents].pfn = pfn + pages;
            return;
        }
    }
    b->extent[b->extents++] = (struct build_extent){ pfn, mfn };
    b->extent[b->extents].pfn = pfn + pages;
}

int build_memory_alloc(struct build_plan *b)
{
    uint64_t pfn = 0;
    unsigned order = order_below(b, b->pages);

    b->extents = 0;
    while (pfn < b->pages) {
        mfn_t mfn;

        if (order > order_below(b, b->pages - pfn))
            order = order_below(b, b->pages - pfn);
        mfn = owner_alloc(&b->d->owner, order);
        if (!frame_valid(mfn)) {
            if (!order--) {
                printk(LOG_ERROR, "Domain %u: only %lu of %lu pages could be allocated\n", b->d->id,
                       pfn, b->pages);
                return -ENOMEM;
            }
            continue;
        }
        if (b->extents == BUILD_EXTENTS_MAX) {
            printk(LOG_ERROR, "Domain %u: memory is too fragmented\n", b->d->id);
            return -ENOMEM;
        }
        extent_add(b, pfn, mfn, 1ul << order);
        pause_for_others();
        pfn += 1ul << order;
    }
    return 0;
}

mfn_t build_mfn_run(const struct build_plan *b, uint64_t pfn, uint64_t *run)
{
    unsigned low = 0, high = b->extents - 1;

    ASSERT(pfn < b->pages);
    while (low < high) {
        unsigned middle = (low + high + 1) / 2;

        if (b->extent[middle].pfn <= pfn)
            low = middle;
        else
            high = middle - 1;
    }
    *run = b->extent[low + 1].pfn - pfn;
    return mfn_add(b->extent[low].mfn, pfn - b->extent[low].pfn);
}

mfn_t build_mfn(const struct build_plan *b, uint64_t pfn)
{
    uint64_t run;

    return build_mfn_run(b, pfn, &run);
}

void build_write(const struct build_plan *b, uint64_t address, const void *src, uint64_t bytes)
{
    const uint8_t *from = src;

    while (bytes) {
        uint64_t run, offset = address % PAGE_SIZE, n;
        uint8_t *to = frame_va(build_mfn_run(b, address / PAGE_SIZE, &run));

        n = run * PAGE_SIZE - offset;
        if (n > bytes)
            n = bytes;
        if (n > PIECE_BYTES)
            n = PIECE_BYTES;
        memcpy(to + offset, from, n);
        address += n;
        from += n;
        bytes -= n;
        pause_for_others();
    }
}

void build_p2m_write(const struct build_plan *b)
{
    uint64_t *entry = 0;

    for (uint64_t pfn = 0; pfn < b->pages;) {
        uint64_t run;
        mfn_t mfn = build_mfn_run(b, pfn, &run);

        for (; run; run--, pfn++) {
            if (pfn % 512 == 0)
                entry = frame_va(build_mfn(b, b->p2m.pfn + pfn / 512));
            entry[pfn % 512] = mfn.n++;
        }
    }
}
