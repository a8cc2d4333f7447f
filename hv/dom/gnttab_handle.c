/* SPDX-License-Identifier: MIT */
/*
 * Handles: the numbers by which a domain names what it has mapped; see gnttab.h.
 *
 * Invariant: a handle is live (flags), reserved for one request, or in the list of free ones, once.
 * It comes back into use after all others that are free.
 */
#include "dom/gnttab.h"

#include "dom/domain.h"
#include "lib/printk.h"
#include "mm/page_alloc.h"

static struct grant_handle *handle_at(const struct gnttab *gt, uint32_t handle)
{
    return &gt->handle_page[handle / GNTTAB_HANDLES][handle % GNTTAB_HANDLES];
}

static void list_append(struct gnttab *gt, uint32_t handle)
{
    *handle_at(gt, handle) = (struct grant_handle){ .ref = GNTTAB_NO_HANDLE };
    if (gt->handle_first == GNTTAB_NO_HANDLE)
        gt->handle_first = handle;
    else
        handle_at(gt, gt->handle_last)->ref = handle;
    gt->handle_last = handle;
}

static bool page_add(struct gnttab *gt)
{
    struct grant_handle *page;

    if (gt->handle_pages == GNTTAB_HANDLE_PAGES)
        return false;
    if (!gt->handle_page)
        gt->handle_page = page_alloc_zeroed();
    page = gt->handle_page ? page_alloc_zeroed() : 0;
    if (!page)
        return false;
    gt->handle_page[gt->handle_pages++] = page;
    for (uint32_t i = 0; i < GNTTAB_HANDLES; i++)
        list_append(gt, (gt->handle_pages - 1) * GNTTAB_HANDLES + i);
    return true;
}

uint32_t grant_handle_take(struct gnttab *gt)
{
    uint32_t handle;

    spin_lock(&gt->handles_lock);
    if (gt->handle_first == GNTTAB_NO_HANDLE)
        (void)page_add(gt);
    handle = gt->handle_first;
    if (handle != GNTTAB_NO_HANDLE)
        gt->handle_first = handle_at(gt, handle)->ref;
    spin_unlock(&gt->handles_lock);
    return handle;
}

void grant_handle_set(struct gnttab *gt, uint32_t handle, uint16_t domid, uint32_t ref,
                      uint16_t flags)
{
    spin_lock(&gt->handles_lock);
    *handle_at(gt, handle) = (struct grant_handle){ .ref = ref, .domid = domid, .flags = flags };
    gt->handles++;
    spin_unlock(&gt->handles_lock);
}

void grant_handle_return(struct gnttab *gt, uint32_t handle)
{
    spin_lock(&gt->handles_lock);
    if (gt->handle_first == GNTTAB_NO_HANDLE)
        gt->handle_last = handle;
    *handle_at(gt, handle) = (struct grant_handle){ .ref = gt->handle_first };
    gt->handle_first = handle;
    spin_unlock(&gt->handles_lock);
}

void grant_handle_free(struct gnttab *gt, uint32_t handle)
{
    gt->handles--;
    list_append(gt, handle);
}

struct grant_handle *grant_handle_find(const struct gnttab *gt, uint32_t handle)
{
    struct grant_handle *h;

    if (handle >= gt->handle_pages * GNTTAB_HANDLES)
        return 0;
    h = handle_at(gt, handle);
    return h->flags ? h : 0;
}
