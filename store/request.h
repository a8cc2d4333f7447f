/*
 * SPDX-License-Identifier: MIT
 *
 * request.h - one request of one client, answered.
 */
#ifndef STORE_REQUEST_H
#define STORE_REQUEST_H

#include "account.h"
#include "transaction.h"
#include "watch.h"
#include "wire.h"

/* What the store knows of a client, apart from how it is reached. */
struct session {
    domid_t domid;
    struct account account;
    struct watcher watcher;
    struct transactions transactions;
};

void session_open(struct session *session, domid_t domid);
void session_close(struct session *session);

/* Forgets watches, events and transactions. */
void session_reset(struct session *session);

/* Answers; every request has an answer. */
void request_handle(struct session *session, struct message *request, struct message *reply);

#endif
