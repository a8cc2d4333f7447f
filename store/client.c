/*
 * SPDX-License-Identifier: MIT
 *
 * client.c - see client.h.
 */
#include "client.h"

#include <string.h>

#define HEADER_BYTES ((uint32_t)sizeof(struct xsd_sockmsg))

void client_open(struct client *client, domid_t domid, struct xenstore_domain_interface *page)
{
    memset(client, 0, sizeof(*client));
    session_open(&client->session, domid);
    ring_attach(&client->ring, page);
}

void client_close(struct client *client)
{
    session_close(&client->session);
}

static void client_forget(struct client *client)
{
    session_reset(&client->session);
    client->in_bytes = client->out_bytes = client->out_sent = 0;
}

static void client_fail(struct client *client, uint32_t error)
{
    client->failed = true;
    client_forget(client);
    ring_fail(&client->ring, error);
}

/* Sends what there is room for.  Result: true when something moved. */
static bool client_send(struct client *client)
{
    int sent;

    if (!client->out_bytes)
        return false;
    sent = ring_put(&client->ring, (char *)&client->out + client->out_sent,
                    client->out_bytes - client->out_sent);
    if (sent < 0) {
        client_fail(client, XENSTORE_ERROR_RINGIDX);
        return true;
    }
    client->out_sent += (uint32_t)sent;
    if (client->out_sent == client->out_bytes)
        client->out_bytes = client->out_sent = 0;
    return sent > 0;
}

/* Reads on to `end` of the message.  Result: true when something moved. */
static bool client_receive_to(struct client *client, uint32_t end)
{
    int got =
        ring_take(&client->ring, (char *)&client->in + client->in_bytes, end - client->in_bytes);

    if (got < 0) {
        client_fail(client, XENSTORE_ERROR_RINGIDX);
        return true;
    }
    client->in_bytes += (uint32_t)got;
    return got > 0;
}

/* Reads on; answers when the request is complete.  Result: true when something moved. */
static bool client_receive(struct client *client)
{
    bool moved = false;

    if (client->in_bytes < HEADER_BYTES)
        moved = client_receive_to(client, HEADER_BYTES);
    if (client->failed || client->in_bytes < HEADER_BYTES)
        return moved;
    if (client->in.header.len > XENSTORE_PAYLOAD_MAX) {
        client_fail(client, XENSTORE_ERROR_PROTO);
        return true;
    }
    uint32_t end = HEADER_BYTES + client->in.header.len;

    if (client->in_bytes < end)
        moved |= client_receive_to(client, end);
    if (client->failed || client->in_bytes < end)
        return moved;
    request_handle(&client->session, &client->in, &client->out);
    client->in_bytes = 0;
    client->out_bytes = HEADER_BYTES + client->out.header.len;
    client->event_next = true;
    return true;
}

/* Makes the next event the message to send.  Result: false: there is none. */
static bool client_event(struct client *client)
{
    size_t length = watch_event_take(&client->session.watcher, client->out.payload);

    client->event_next = false;
    if (!length)
        return false;
    client->out.header = (struct xsd_sockmsg){ .type = XS_WATCH_EVENT, .len = (uint32_t)length };
    client->out_bytes = HEADER_BYTES + (uint32_t)length;
    return true;
}

bool client_step(struct client *client)
{
    bool moved;

    if (ring_reconnecting(&client->ring)) {
        client_forget(client);
        ring_reset(&client->ring);
        client->failed = false;
        return true;
    }
    if (client->failed)
        return false;
    moved = client_send(client);
    if (client->failed || client->out_bytes)
        return moved;
    if (client->event_next && client_event(client))
        moved = true;
    else if (client_receive(client) || client_event(client))
        moved = true;
    if (!client->failed)
        moved |= client_send(client);
    return moved;
}
