/* SPDX-License-Identifier: MIT */
/*
 * Talking to the store as a client does: requests with literal payloads, answers compared byte by
 * byte.
 * Payloads are string literals with their nuls written out; the one that C adds is not sent.
 */
#ifndef STORE_TALK_H
#define STORE_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "homes.h"
#include "request.h"

/* An empty store, and one session for each of the domains 0 to TALK_SESSIONS - 1, introduced. */
#define TALK_SESSIONS 4
extern struct session talk[TALK_SESSIONS];
int talk_setup(void **state);

/* Ends all of it.  Fails when anything is still allocated. */
int talk_teardown(void **state);

/* Sends a request.  Result: the answer, valid until the next one. */
const struct message *talk_ask(domid_t domid, uint32_t type, uint32_t tx, const void *payload,
                               size_t length);

void talk_expect(domid_t domid, uint32_t type, uint32_t tx, const void *payload, size_t length,
                 uint32_t want_type, const void *want, size_t want_length);

/* Takes the next event of a domain and compares it; want of NULL: there must be none. */
void talk_expect_event(domid_t domid, const void *want, size_t length);

uint32_t talk_start(domid_t domid);

#define OKAY(domid, type, tx, payload, want) \
    talk_expect(domid, type, tx, payload, sizeof(payload) - 1, type, want, sizeof(want) - 1)
#define DONE(domid, type, tx, payload) OKAY(domid, type, tx, payload, "OK\0")
#define FAIL(domid, type, tx, payload, error) \
    talk_expect(domid, type, tx, payload, sizeof(payload) - 1, XS_ERROR, error, sizeof(error))
#define EVENT(domid, want) talk_expect_event(domid, want, sizeof(want) - 1)
#define NO_EVENT(domid)    talk_expect_event(domid, NULL, 0)

#endif
