/*
 * SPDX-License-Identifier: MIT
 *
 * wire.h - messages: a header and a payload of strings that end with a nul, and maybe bytes.
 */
#ifndef STORE_WIRE_H
#define STORE_WIRE_H

#include <abi/abi.h>

struct message {
    struct xsd_sockmsg header; /* len is at most XENSTORE_PAYLOAD_MAX */
    char payload[XENSTORE_PAYLOAD_MAX + 1];
};

_Static_assert(offsetof(struct message, payload) == 16, "one behind the other, as on the ring");

/* Decimal digits and nothing else.  Result: false: not that, or more than 32 bits. */
bool wire_number(uint32_t *number, const char *text);

/*
 * The first `max` strings of a payload; *rest (may be NULL) is where the next would begin.
 * Result: how many there are.
 */
unsigned int wire_strings(const struct message *message, const char *string[], unsigned int max,
                          size_t *rest);

/* The payload, if it is one string.  Result: NULL: it is something else. */
const char *wire_only(const struct message *message);

/* Begins an answer: type and numbers of the request, no payload. */
void wire_reply(struct message *reply, const struct message *request);

/* Adds bytes, or a string with its nul.  Result: 0 or -XEN_E2BIG. */
int wire_add(struct message *reply, const void *data, size_t length);
int wire_add_string(struct message *reply, const char *text);

/* Makes it the answer to a request that failed. */
void wire_error(struct message *reply, int error);

#endif
