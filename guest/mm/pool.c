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
        for (size_t at = 0; at + pool->size <= PAGE_SIZE; at += pool->size)
            pool_free(pool, page + at);
    }
    void *object = pool->free;

    pool->free = *(void **)object;
    return object;
}
