/*
 * SPDX-License-Identifier: MIT
 *
 * page_cache.c - a hash of (file, page index).
 *
 * Files in the archive are not page-aligned, so their pages are copied once and shared from then on.
 */
#include "mm/page_cache.h"

#include "mm/page.h"
#include "mm/pool.h"
#include "ramdisk.h"

#include <string.h>

#define BUCKETS 256U

struct cached {
    struct cached *next;
    const struct ramdisk_file *file;
    uint64_t index;
    pfn_t pfn;
};

static struct pool entries = POOL_OF(struct cached);
static struct cached *buckets[BUCKETS];

static struct cached **bucket_of(const struct ramdisk_file *file, uint64_t index)
{
    return &buckets[(((uint64_t)file >> 5) * 31 + index) % BUCKETS];
}

pfn_t page_cache_peek(const struct ramdisk_file *file, uint64_t index)
{
    for (struct cached *c = *bucket_of(file, index); c; c = c->next)
        if (c->file == file && c->index == index)
            return c->pfn;
    return PFN_NONE;
}

static pfn_t page_read(const struct ramdisk_file *file, uint64_t index)
{
    uint64_t offset = index << PAGE_SHIFT, bytes = file->size - offset;
    pfn_t pfn = page_alloc_zero(PAGE_CACHE);

    if (!page_none(pfn))
        memcpy(page_va(pfn), file->data + offset, bytes < PAGE_SIZE ? bytes : PAGE_SIZE);
    return pfn;
}

int page_cache_get(const struct ramdisk_file *file, uint64_t index, pfn_t *pfn)
{
    if (index >= page_ceil(file->size) >> PAGE_SHIFT)
        return -XEN_EINVAL;
    *pfn = page_cache_peek(file, index);
    if (page_none(*pfn)) {
        struct cached *c = pool_alloc(&entries);

        if (!c)
            return -XEN_ENOMEM;
        *pfn = page_read(file, index);
        if (page_none(*pfn)) {
            pool_free(&entries, c);
            return -XEN_ENOMEM;
        }
        struct cached **bucket = bucket_of(file, index);
        *c = (struct cached){ .next = *bucket, .file = file, .index = index, .pfn = *pfn };
        *bucket = c;
    }
    page_get(*pfn);
    return 0;
}

void page_cache_drop(void)
{
    for (unsigned int i = 0; i < BUCKETS; i++) {
        for (struct cached **at = &buckets[i]; *at;) {
            struct cached *c = *at;

            if (page_refs(c->pfn) > 1) {
                at = &c->next;
                continue;
            }
            page_put(c->pfn);
            *at = c->next;
            pool_free(&entries, c);
        }
    }
}
