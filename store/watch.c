/*
 * SPDX-License-Identifier: MIT
 *
 * watch.c - see watch.h.
 *
 * Events are queued in the order of the changes.  `behind` of a watch says that the queue had no
 * room for one: then nothing more is queued for it, and after the queue its own path is reported.
 */
#include "watch.h"

#include "change.h"
#include "path.h"

#include <string.h>

struct watch {
    struct watch *next;
    bool relative; /* the client spelt it so, and gets its events so */
    bool behind;
    char *path; /* absolute, or special */
    char *token;
};

struct event {
    struct event *next;
    struct watch *watch;
    char path[]; /* absolute */
};

static struct watcher *watchers;

void watcher_add(struct watcher *watcher, domid_t domid, struct account *account)
{
    memset(watcher, 0, sizeof(*watcher));
    watcher->domid = domid;
    watcher->account = account;
    watcher->events_end = &watcher->events;
    watcher->next = watchers;
    watchers = watcher;
}

void watcher_remove(struct watcher *watcher)
{
    struct watcher **at = &watchers;

    watch_remove_all(watcher);
    while (*at && *at != watcher)
        at = &(*at)->next;
    if (*at)
        *at = watcher->next;
}

/* ---- events ---- */

static void event_unlink(struct watcher *watcher, struct event **at)
{
    struct event *event = *at;

    *at = event->next;
    if (!event->next)
        watcher->events_end = at;
    watcher->event_count--;
    account_free(event);
}

static void event_queue(struct watcher *watcher, struct watch *watch, const char *path)
{
    size_t length = strlen(path);
    struct event *event;

    if (watch->behind)
        return;
    /* What the client has yet to read says it all. */
    for (event = watcher->events; event; event = event->next)
        if (event->watch == watch && strcmp(event->path, path) == 0)
            return;
    event = watcher->event_count < QUOTA_EVENTS
                ? account_alloc(watcher->account, sizeof(*event) + length + 1)
                : NULL;
    if (!event) {
        watch->behind = true;
        return;
    }
    event->next = NULL;
    event->watch = watch;
    memcpy(event->path, path, length + 1);
    *watcher->events_end = event;
    watcher->events_end = &event->next;
    watcher->event_count++;
}

/* Result: 0 for one that is longer than a message can be: it is never sent. */
static size_t event_print(const struct watcher *watcher, const struct watch *watch,
                          const char *path, char payload[XENSTORE_PAYLOAD_MAX])
{
    const char *name = watch->relative ? path_relative(path, watcher->domid) : path;
    size_t length = strlen(name) + 1, token = strlen(watch->token) + 1;

    if (length + token > XENSTORE_PAYLOAD_MAX)
        return 0;
    memcpy(payload, name, length);
    memcpy(payload + length, watch->token, token);
    return length + token;
}

static struct watch *watch_behind(const struct watcher *watcher)
{
    struct watch *watch = watcher->watches;

    while (watch && !watch->behind)
        watch = watch->next;
    return watch;
}

bool watch_event_ready(const struct watcher *watcher)
{
    return watcher->events || watch_behind(watcher);
}

size_t watch_event_take(struct watcher *watcher, char payload[XENSTORE_PAYLOAD_MAX])
{
    struct watch *watch;
    size_t length = 0;

    while (!length && watcher->events) {
        length = event_print(watcher, watcher->events->watch, watcher->events->path, payload);
        event_unlink(watcher, &watcher->events);
    }
    while (!length && (watch = watch_behind(watcher)) != NULL) {
        watch->behind = false;
        length = event_print(watcher, watch, watch->path, payload);
    }
    return length;
}

/* ---- watches ---- */

static void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    account_free(watch->path);
    account_free(watch->token);
    account_free(watch);
}

/* Result: false: not a thing to watch. */
static bool watch_resolve(char path[PATH_SIZE], const char *name, domid_t domid)
{
    if (name[0] != '@')
        return path_resolve(path, name, domid);
    size_t length = strlen(name);

    if (length > XENSTORE_REL_PATH_MAX)
        return false;
    memcpy(path, name, length + 1);
    return true;
}

static struct watch **watch_find(struct watcher *watcher, const char *path, const char *token)
{
    struct watch **at = &watcher->watches;

    while (*at && (strcmp((*at)->path, path) || strcmp((*at)->token, token)))
        at = &(*at)->next;
    return at;
}

int watch_add(struct watcher *watcher, const char *name, const char *token)
{
    char path[PATH_SIZE];
    struct watch *watch;

    if (!watch_resolve(path, name, watcher->domid))
        return -XEN_EINVAL;
    struct watch **end = watch_find(watcher, path, token);

    if (*end)
        return -XEN_EEXIST;
    if (watcher->watch_count >= QUOTA_WATCHES && !perms_privileged(watcher->domid))
        return -XEN_E2BIG;
    watch = account_alloc(watcher->account, sizeof(*watch));
    if (!watch)
        return -XEN_ENOMEM;
    memset(watch, 0, sizeof(*watch));
    watch->relative = name[0] != '/' && name[0] != '@';
    watch->path = account_string(watcher->account, path, strlen(path));
    watch->token = account_string(watcher->account, token, strlen(token));
    if (!watch->path || !watch->token) {
        watch_free(watch);
        return -XEN_ENOMEM;
    }
    *end = watch;
    watcher->watch_count++;
    event_queue(watcher, watch, watch->path);
    return 0;
}

static void watch_unlink(struct watcher *watcher, struct watch **at)
{
    struct watch *watch = *at;

    for (struct event **event = &watcher->events; *event;) {
        if ((*event)->watch == watch)
            event_unlink(watcher, event);
        else
            event = &(*event)->next;
    }
    *at = watch->next;
    watcher->watch_count--;
    watch_free(watch);
}

int watch_remove(struct watcher *watcher, const char *name, const char *token)
{
    char path[PATH_SIZE];
    struct watch **at;

    if (!watch_resolve(path, name, watcher->domid))
        return -XEN_EINVAL;
    at = watch_find(watcher, path, token);
    if (!*at)
        return -XEN_ENOENT;
    watch_unlink(watcher, at);
    return 0;
}

void watch_remove_all(struct watcher *watcher)
{
    while (watcher->watches)
        watch_unlink(watcher, &watcher->watches);
}

/* What is reported to this watch, or NULL. */
static const char *watch_match(const struct watch *watch, domid_t domid, const struct node *before,
                               const struct node *now, const char *path, bool removed)
{
    if (path_beneath(path, watch->path))
        return change_visible(now, path, domid) || (removed && change_visible(before, path, domid))
                   ? path
                   : NULL;
    if (removed && path_beneath(watch->path, path) && node_find(before, watch->path) &&
        change_visible(before, watch->path, domid))
        return watch->path;
    return NULL;
}

void watch_fire(const struct node *before, const struct node *now, const char *path, bool removed)
{
    for (struct watcher *watcher = watchers; watcher; watcher = watcher->next)
        for (struct watch *watch = watcher->watches; watch; watch = watch->next) {
            const char *event = watch_match(watch, watcher->domid, before, now, path, removed);

            if (event)
                event_queue(watcher, watch, event);
        }
}

void watch_fire_special(const char *name)
{
    for (struct watcher *watcher = watchers; watcher; watcher = watcher->next)
        for (struct watch *watch = watcher->watches; watch; watch = watch->next)
            if (perms_privileged(watcher->domid) && strcmp(watch->path, name) == 0)
                event_queue(watcher, watch, name);
}
