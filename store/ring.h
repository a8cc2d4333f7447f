/*
 * SPDX-License-Identifier: MIT
 *
 * ring.h - the store's end of a shared page.
 *
 * The client can write all of the page at any time.  What the store has read and written it counts
 * itself; of the page it reads the client's two indices and the bytes between, each once.
 */
#ifndef STORE_RING_H
#define STORE_RING_H

#include <abi/abi.h>

struct ring {
    struct xenstore_domain_interface *page;
    uint32_t req_cons, rsp_prod;
};

/* Takes over a page as it is, and says what the store can do. */
void ring_attach(struct ring *ring, struct xenstore_domain_interface *page);

/* Empties both directions; the client asked for it and does not use the ring meanwhile. */
void ring_reset(struct ring *ring);

/* Moves up to `length` bytes.  Result: how many, or -1: the client's index is impossible. */
int ring_take(struct ring *ring, void *to, uint32_t length);
int ring_put(struct ring *ring, const void *from, uint32_t length);

/* The field `error`: why the store does not look at the ring any more. */
void ring_fail(struct ring *ring, uint32_t error);

/* True while the client waits for a reset. */
bool ring_reconnecting(const struct ring *ring);

#endif
