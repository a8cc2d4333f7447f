/*
 * SPDX-License-Identifier: MIT
 *
 * ring.c - see ring.h.
 */
#include "ring.h"

#include <string.h>

void ring_attach(struct ring *ring, struct xenstore_domain_interface *page)
{
    ring->page = page;
    ring->req_cons = __atomic_load_n(&page->req_cons, __ATOMIC_RELAXED);
    ring->rsp_prod = __atomic_load_n(&page->rsp_prod, __ATOMIC_RELAXED);
    __atomic_store_n(&page->server_features,
                     XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR,
                     __ATOMIC_RELEASE);
}

void ring_reset(struct ring *ring)
{
    struct xenstore_domain_interface *page = ring->page;

    ring->req_cons = ring->rsp_prod = 0;
    __atomic_store_n(&page->req_cons, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&page->req_prod, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&page->rsp_cons, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&page->rsp_prod, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&page->error, XENSTORE_ERROR_NONE, __ATOMIC_RELAXED);
    __atomic_store_n(&page->connection, XENSTORE_CONNECTED, __ATOMIC_RELEASE);
}

/* Copies between a ring's bytes and a buffer, around the end. */
static void copy_out(char *to, const char *bytes, uint32_t at, uint32_t length)
{
    uint32_t first = XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(at);

    if (first > length)
        first = length;
    memcpy(to, bytes + MASK_XENSTORE_IDX(at), first);
    memcpy(to + first, bytes, length - first);
}

static void copy_in(char *bytes, uint32_t at, const char *from, uint32_t length)
{
    uint32_t first = XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(at);

    if (first > length)
        first = length;
    memcpy(bytes + MASK_XENSTORE_IDX(at), from, first);
    memcpy(bytes, from + first, length - first);
}

int ring_take(struct ring *ring, void *to, uint32_t length)
{
    uint32_t ready = __atomic_load_n(&ring->page->req_prod, __ATOMIC_ACQUIRE) - ring->req_cons;

    if (ready > XENSTORE_RING_SIZE)
        return -1;
    if (length > ready)
        length = ready;
    copy_out(to, ring->page->req, ring->req_cons, length);
    ring->req_cons += length;
    __atomic_store_n(&ring->page->req_cons, ring->req_cons, __ATOMIC_RELEASE);
    return (int)length;
}

int ring_put(struct ring *ring, const void *from, uint32_t length)
{
    uint32_t held = ring->rsp_prod - __atomic_load_n(&ring->page->rsp_cons, __ATOMIC_ACQUIRE);

    if (held > XENSTORE_RING_SIZE)
        return -1;
    if (length > XENSTORE_RING_SIZE - held)
        length = XENSTORE_RING_SIZE - held;
    copy_in(ring->page->rsp, ring->rsp_prod, from, length);
    ring->rsp_prod += length;
    __atomic_store_n(&ring->page->rsp_prod, ring->rsp_prod, __ATOMIC_RELEASE);
    return (int)length;
}

void ring_fail(struct ring *ring, uint32_t error)
{
    __atomic_store_n(&ring->page->error, error, __ATOMIC_RELEASE);
}

bool ring_reconnecting(const struct ring *ring)
{
    return __atomic_load_n(&ring->page->connection, __ATOMIC_ACQUIRE) == XENSTORE_RECONNECT;
}
