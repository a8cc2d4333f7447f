/*
 * SPDX-License-Identifier: MIT
 *
 * watch.h - watches, and the events that wait for their clients.
 *
 * A client that does not read its events cannot make them pile up: equal ones are one, and when
 * there are too many, a watch keeps a single one, on its own path.
 */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include <abi/abi.h>

#include "account.h"
#include "node.h"

struct event;
struct watch;

/* One client's. */
struct watcher {
    struct watcher *next;
    domid_t domid;
    struct account *account;
    struct watch *watches;
    unsigned int watch_count;
    struct event *events, **events_end;
    unsigned int event_count;
};

/* Enters a client among those that changes are told to; `account` pays. */
void watcher_add(struct watcher *watcher, domid_t domid, struct account *account);

/* Takes it out again, with all it has. */
void watcher_remove(struct watcher *watcher);

/*
 * Adds a watch on `name` as the client spells it: a path, or "@..." for a special event; its first
 * event waits at once.  Result: 0, -XEN_EINVAL, -XEN_EEXIST, -XEN_E2BIG or -XEN_ENOMEM.
 */
int watch_add(struct watcher *watcher, const char *name, const char *token);

/* Result: 0, -XEN_EINVAL, or -XEN_ENOENT. */
int watch_remove(struct watcher *watcher, const char *name, const char *token);
void watch_remove_all(struct watcher *watcher);

/*
 * Something happened at `path`: whoever watches it or a node above it, and could see it before or
 * can see it now, gets an event; if it was removed, so does who watches what was beneath it.
 */
void watch_fire(const struct node *before, const struct node *now, const char *path, bool removed);

/* A special event ("@releaseDomain"): for those whom no permission holds back. */
void watch_fire_special(const char *name);

/* True when an event waits. */
bool watch_event_ready(const struct watcher *watcher);

/* Takes the next event: "path\0token\0" into a message's payload.  Result: its length, 0: none. */
size_t watch_event_take(struct watcher *watcher, char payload[XENSTORE_PAYLOAD_MAX]);

#endif
