/*
 * SPDX-License-Identifier: MIT
 *
 * page_cache.h - one copy in memory of each page of a ramdisk file that somebody mapped.
 */
#ifndef GUEST_MM_PAGE_CACHE_H
#define GUEST_MM_PAGE_CACHE_H

#include <abi/abi.h>

struct ramdisk_file;

/*
 * The page `index` (in pages) of a file, zero behind its end, with one reference for the caller; the
 * cache keeps one of its own.  Result: 0; -XEN_EINVAL beyond the file; -XEN_ENOMEM.
 */
int page_cache_get(const struct ramdisk_file *file, uint64_t index, pfn_t *pfn);

/* The page if the cache holds it, without a reference.  Result: PFN_NONE when it does not. */
pfn_t page_cache_peek(const struct ramdisk_file *file, uint64_t index);

/* Drops every cached page that nobody maps; for leak tests. */
void page_cache_drop(void);

#endif
