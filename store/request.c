/*
 * SPDX-License-Identifier: MIT
 *
 * request.c - see request.h: a function for each type, and the table of them.
 *
 * A function takes its strings, does its work, and adds to the reply; an error replaces what it
 * added.
 * A type without a function is one that only a toolstack may use, or none.
 */
#include "request.h"

#include "homes.h"
#include "path.h"

#include <stdio.h>
#include <string.h>

typedef int (*request_t)(struct session *session, struct message *request, struct message *reply);

void session_open(struct session *session, domid_t domid)
{
    session->domid = domid;
    session->account = (struct account){ .limit = perms_privileged(domid) ? ~0UL : account_share };
    watcher_add(&session->watcher, domid, &session->account);
    transactions_add(&session->transactions, domid, &session->account);
}

void session_close(struct session *session)
{
    watcher_remove(&session->watcher);
    transactions_remove(&session->transactions);
}

void session_reset(struct session *session)
{
    watch_remove_all(&session->watcher);
    transactions_drop(&session->transactions);
}

/* ---- nodes ---- */

/* The node that a request names, for reading, noted in its transaction. */
static int node_look(struct session *session, const struct message *request, const char *name,
                     enum look look, const struct node **node)
{
    char path[PATH_SIZE];
    const struct node *root = NULL;
    int error;

    if (!name || !path_resolve(path, name, session->domid))
        return -XEN_EINVAL;
    error = transaction_look(&session->transactions, request->header.tx_id, path, look, &root);
    return error ? error : change_access(root, path, session->domid, PERM_READ, node);
}

static int request_directory(struct session *session, struct message *request,
                             struct message *reply)
{
    const struct node *node = NULL;
    int error = node_look(session, request, wire_only(request), LOOK_NAMES, &node);

    for (uint32_t i = 0; !error && i < node->child_count; i++)
        error = wire_add_string(reply, node->child[i]->name);
    return error;
}

/* An empty name behind the last one says that it is the last. */
static int request_directory_part(struct session *session, struct message *request,
                                  struct message *reply)
{
    const char *string[2] = { NULL, NULL };
    const struct node *node = NULL;
    uint32_t offset;
    char generation[24];
    size_t at = 0;
    int error;

    if (wire_strings(request, string, 2, NULL) != 2 || !wire_number(&offset, string[1]))
        return -XEN_EINVAL;
    error = node_look(session, request, string[0], LOOK_NAMES, &node);
    if (error)
        return error;
    (void)snprintf(generation, sizeof(generation), "%lu", (unsigned long)node->names_generation);
    (void)wire_add_string(reply, generation);
    for (uint32_t i = 0; i < node->child_count; i++) {
        const char *name = node->child[i]->name;
        size_t length = strlen(name) + 1;

        if (at >= offset && wire_add(reply, name, length))
            return 0;
        at += length;
    }
    (void)wire_add_string(reply, "");
    return 0;
}

static int request_read(struct session *session, struct message *request, struct message *reply)
{
    const struct node *node = NULL;
    int error = node_look(session, request, wire_only(request), LOOK_NODE, &node);

    return error ? error
                 : wire_add(reply, node->value_length ? node->value : "", node->value_length);
}

static int request_get_perms(struct session *session, struct message *request,
                             struct message *reply)
{
    const struct node *node = NULL;
    int error = node_look(session, request, wire_only(request), LOOK_NODE, &node);

    for (uint32_t i = 0; !error && i < node->perms.count; i++) {
        char text[PERM_TEXT];

        perm_print(text, &node->perms.entry[i]);
        error = wire_add_string(reply, text);
    }
    return error;
}

/* Completes the change, makes it and says so. */
static int node_change(struct session *session, const struct message *request, const char *name,
                       struct change *change, struct message *reply)
{
    char path[PATH_SIZE];
    int error;

    if (!name || !path_resolve(path, name, session->domid))
        return -XEN_EINVAL;
    change->path = path;
    error = transaction_change(&session->transactions, request->header.tx_id, change);
    change->path = NULL;
    return error ? error : wire_add_string(reply, "OK");
}

static int request_write(struct session *session, struct message *request, struct message *reply)
{
    struct change change = { .kind = CHANGE_WRITE };
    const char *name;
    size_t rest;

    if (wire_strings(request, &name, 1, &rest) != 1)
        return -XEN_EINVAL;
    change.value = request->payload + rest;
    change.length = request->header.len - rest;
    return node_change(session, request, name, &change, reply);
}

static int request_mkdir(struct session *session, struct message *request, struct message *reply)
{
    struct change change = { .kind = CHANGE_MAKE };

    return node_change(session, request, wire_only(request), &change, reply);
}

static int request_rm(struct session *session, struct message *request, struct message *reply)
{
    struct change change = { .kind = CHANGE_REMOVE };

    return node_change(session, request, wire_only(request), &change, reply);
}

static int request_set_perms(struct session *session, struct message *request,
                             struct message *reply)
{
    struct change change = { .kind = CHANGE_PERMS };
    const char *string[QUOTA_PERMS + 2]; /* the path, and one too many */
    unsigned int count = wire_strings(request, string, QUOTA_PERMS + 2, NULL);

    if (count < 2)
        return -XEN_EINVAL;
    change.perms.count = count - 1;
    if (change.perms.count > QUOTA_PERMS)
        return -XEN_ENOSPC;
    for (uint32_t i = 0; i < change.perms.count; i++)
        if (!perm_parse(&change.perms.entry[i], string[i + 1]))
            return -XEN_EINVAL;
    return node_change(session, request, string[0], &change, reply);
}

/* ---- watches and transactions ---- */

static int request_watch(struct session *session, struct message *request, struct message *reply)
{
    const char *string[2];
    int error = -XEN_EINVAL;

    if (wire_strings(request, string, 2, NULL) == 2)
        error = watch_add(&session->watcher, string[0], string[1]);
    return error ? error : wire_add_string(reply, "OK");
}

static int request_unwatch(struct session *session, struct message *request, struct message *reply)
{
    const char *string[2];
    int error = -XEN_EINVAL;

    if (wire_strings(request, string, 2, NULL) == 2)
        error = watch_remove(&session->watcher, string[0], string[1]);
    return error ? error : wire_add_string(reply, "OK");
}

static int request_reset_watches(struct session *session, struct message *request,
                                 struct message *reply)
{
    (void)request;
    session_reset(session);
    return wire_add_string(reply, "OK");
}

static int request_transaction_start(struct session *session, struct message *request,
                                     struct message *reply)
{
    char text[12];
    uint32_t id = 0;
    int error = request->header.tx_id ? -XEN_EBUSY : transaction_start(&session->transactions, &id);

    (void)snprintf(text, sizeof(text), "%u", (unsigned int)id);
    return error ? error : wire_add_string(reply, text);
}

static int request_transaction_end(struct session *session, struct message *request,
                                   struct message *reply)
{
    const char *answer = wire_only(request);
    int error;

    if (!answer || (strcmp(answer, "T") && strcmp(answer, "F")))
        return -XEN_EINVAL;
    error = transaction_end(&session->transactions, request->header.tx_id, *answer == 'T');
    return error ? error : wire_add_string(reply, "OK");
}

/* ---- domains ---- */

static int domid_parse(const struct message *request, domid_t *domid)
{
    const char *text = wire_only(request);
    uint32_t number;

    if (!text || !wire_number(&number, text) || number > 0xffff)
        return -XEN_EINVAL;
    *domid = (domid_t)number;
    return 0;
}

static int request_get_domain_path(struct session *session, struct message *request,
                                   struct message *reply)
{
    char path[PATH_SIZE];
    domid_t domid = 0;
    int error = domid_parse(request, &domid);

    (void)session;
    path_home(path, domid, "");
    return error ? error : wire_add_string(reply, path);
}

static int request_is_introduced(struct session *session, struct message *request,
                                 struct message *reply)
{
    domid_t domid = 0;
    int error = domid_parse(request, &domid);

    (void)session;
    return error ? error : wire_add_string(reply, domain_known(domid) ? "T" : "F");
}

/* The store finds domains by itself; nobody tells it about them. */
static int request_privileged(struct session *session, struct message *request,
                              struct message *reply)
{
    (void)session;
    (void)request;
    (void)reply;
    return -XEN_EACCES;
}

static const request_t requests[XS_TYPE_COUNT] = {
    [XS_CONTROL] = request_privileged,
    [XS_DIRECTORY] = request_directory,
    [XS_READ] = request_read,
    [XS_GET_PERMS] = request_get_perms,
    [XS_WATCH] = request_watch,
    [XS_UNWATCH] = request_unwatch,
    [XS_TRANSACTION_START] = request_transaction_start,
    [XS_TRANSACTION_END] = request_transaction_end,
    [XS_INTRODUCE] = request_privileged,
    [XS_RELEASE] = request_privileged,
    [XS_GET_DOMAIN_PATH] = request_get_domain_path,
    [XS_WRITE] = request_write,
    [XS_MKDIR] = request_mkdir,
    [XS_RM] = request_rm,
    [XS_SET_PERMS] = request_set_perms,
    [XS_IS_DOMAIN_INTRODUCED] = request_is_introduced,
    [XS_RESUME] = request_privileged,
    [XS_SET_TARGET] = request_privileged,
    [XS_RESET_WATCHES] = request_reset_watches,
    [XS_DIRECTORY_PART] = request_directory_part,
};

void request_handle(struct session *session, struct message *request, struct message *reply)
{
    uint32_t type = request->header.type;
    int error = -XEN_ENOSYS;

    request->payload[request->header.len] = 0;
    wire_reply(reply, request);
    if (type < XS_TYPE_COUNT && requests[type])
        error = requests[type](session, request, reply);
    if (error)
        wire_error(reply, error);
}
