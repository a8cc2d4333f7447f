/*
 * SPDX-License-Identifier: MIT
 *
 * pool.h - objects of one size, cut from whole pages.
 *
 * For what the fault path looks at: it must never be demand paged itself, as malloc's memory is.
 * Pages of a pool are not given back.
 */
#ifndef GUEST_MM_POOL_H
#define GUEST_MM_POOL_H

#include <stddef.h>

struct pool {
    size_t size; /* bytes of one object, at most a page */
    void *free;
};

#define POOL_OF(type)                      \
    {                                      \
        .size = sizeof(type), .free = NULL \
    }

/* Contents undefined.  Result: NULL when there is no page left. */
void *pool_alloc(struct pool *pool);
void pool_free(struct pool *pool, void *object);

#endif
