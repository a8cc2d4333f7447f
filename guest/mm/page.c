/*
 * SPDX-License-Identifier: MIT
 *
 * page.c - one small record for each PFN, and a list of the free ones.
 *
 * Invariant: refs == 0 exactly for PAGE_FREE; the counters of all kinds add up to the domain's pages.
 * The records lie in the first free pages, which boot_map.c has mapped already.
 */
#include "mm/page.h"

#include "guest.h"

struct page {
    uint32_t next; /* PAGE_FREE: PFN of the next free page */
    uint32_t refs;
    uint32_t kind;
};

#define LIST_END UINT32_MAX

static struct page *pages;
static uint64_t pages_count;
static uint32_t free_head = LIST_END;
static uint64_t counts[PAGE_KINDS];

static struct page *page_of(pfn_t pfn)
{
    if (pfn.n >= pages_count)
        guest_panic("page: PFN %lx is beyond the domain's %lx pages", pfn.n, pages_count);
    return &pages[pfn.n];
}

void page_init(pfn_t first, uint64_t count)
{
    uint64_t own = page_ceil(count * sizeof(*pages)) >> PAGE_SHIFT;

    if (first.n + own >= count)
        guest_panic("page: no memory left for page records");
    pages = page_va(first);
    pages_count = count;
    for (uint64_t n = count; n-- > 0;) {
        bool is_free = n >= first.n + own;

        pages[n] = (struct page){
            .next = free_head,
            .refs = is_free ? 0 : 1,
            .kind = is_free        ? PAGE_FREE
                    : n >= first.n ? PAGE_KERNEL
                                   : PAGE_RESERVED,
        };
        counts[pages[n].kind]++;
        if (is_free)
            free_head = (uint32_t)n;
    }
}

pfn_t page_alloc(enum page_kind kind)
{
    if (free_head == LIST_END)
        return PFN_NONE;
    pfn_t pfn = pfn_of(free_head);
    struct page *page = &pages[pfn.n];

    free_head = page->next;
    page->refs = 1;
    page->kind = kind;
    counts[PAGE_FREE]--;
    counts[kind]++;
    return pfn;
}

pfn_t page_alloc_zero(enum page_kind kind)
{
    pfn_t pfn = page_alloc(kind);

    if (!page_none(pfn))
        page_clear(pfn);
    return pfn;
}

void page_get(pfn_t pfn)
{
    struct page *page = page_of(pfn);

    if (!page->refs || page->refs == UINT32_MAX)
        guest_panic("page: reference to PFN %lx with %u references", pfn.n, page->refs);
    page->refs++;
}

void page_put(pfn_t pfn)
{
    struct page *page = page_of(pfn);

    if (!page->refs || page->kind == PAGE_RESERVED)
        guest_panic("page: PFN %lx (kind %u) dropped once too often", pfn.n, page->kind);
    if (--page->refs)
        return;
    counts[page->kind]--;
    counts[PAGE_FREE]++;
    page->kind = PAGE_FREE;
    page->next = free_head;
    free_head = (uint32_t)pfn.n;
}

uint32_t page_refs(pfn_t pfn)
{
    return page_of(pfn)->refs;
}

enum page_kind page_kind(pfn_t pfn)
{
    return (enum page_kind)page_of(pfn)->kind;
}

uint64_t page_count(enum page_kind kind)
{
    return counts[kind];
}

void page_clear(pfn_t pfn)
{
    void *to = page_va(pfn);
    uint64_t words = PAGE_SIZE / 8;

    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0UL) : "memory");
}

void page_copy(pfn_t to_pfn, pfn_t from_pfn)
{
    void *to = page_va(to_pfn), *from = page_va(from_pfn);
    uint64_t words = PAGE_SIZE / 8;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}
