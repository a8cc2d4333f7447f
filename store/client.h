/*
 * SPDX-License-Identifier: MIT
 *
 * client.h - a domain that talks to the store: its ring, its session, a message in and one out.
 *
 * One reply at a time: the next request is not looked at before the last answer is on the ring.  So
 * a client that does not read holds up nobody but itself, and what it costs is fixed.
 */
#ifndef STORE_CLIENT_H
#define STORE_CLIENT_H

#include "request.h"
#include "ring.h"

struct client {
    struct session session;
    struct ring ring;
    bool failed;        /* it broke the rules of the ring: not served until it reconnects */
    bool event_next;    /* a request was answered last: an event may go first now */
    uint32_t in_bytes;  /* of `in`, header included */
    uint32_t out_bytes; /* of `out`; 0: nothing to send */
    uint32_t out_sent;
    struct message in, out;
};

void client_open(struct client *client, domid_t domid, struct xenstore_domain_interface *page);
void client_close(struct client *client);

/*
 * Does a bounded piece of work: at most one request or event.
 * Result: true when something moved: the client is to be notified, and there may be more to do.
 */
bool client_step(struct client *client);

#endif
