/*
 * SPDX-License-Identifier: MIT
 *
 * pool.c - a list of free objects through their first word.
 */
#include "mm/pool.h"

#include "mm/page.h"

void pool_free(struct pool *pool, void *object)
{
    *(void **)object = pool->free;
    pool->free = object;
}

void *pool_alloc(struct pool *pool)
{
    if (!pool->free) {
        pfn_t pfn = page_alloc(PAGE_KERNEL);

        if (page_none(pfn))
            return NULL;
        char *page = page_va(pfn);
        size_t at = 0;

        do
            pool_free(pool, page + at);
        while ((at += pool->size) + pool->size <= PAGE_SIZE);
    }
    void *object = pool->free;

    pool->free = *(void **)object;
    return object;
}
