/*
 * SPDX-License-Identifier: MIT
 *
 * transaction.c - see transaction.h.
 *
 * What it looked at is noted (access.c), what it changed recorded, to be made again.  A transaction
 * that lost its trees (`spoiled`) only waits to be told so: at once if memory ran out, at its end if
 * domains came or went (`overtaken`). Clients do not expect to fail before; until then they see
 * everybody's tree, and change nothing.
 */
#include "transaction.h"

#include "access.h"
#include "watch.h"

#include <string.h>

struct record {
    struct record *next;
    struct change change;
    char path[]; /* the value behind it */
};

struct transaction {
    struct transaction *next;
    uint32_t id;
    bool spoiled, overtaken;
    struct node *base;
    struct tree work;
    struct accesses accesses;
    struct record *records, **records_end;
    unsigned int record_count;
};

struct tree store_tree;
static struct transactions *clients;
/* The one that a request works on: not to be given up for memory. */
static const struct transaction *busy;

/* ---- life ---- */

static void transaction_spoil(struct transaction *t)
{
    accesses_free(&t->accesses);
    while (t->records) {
        struct record *next = t->records->next;

        account_free(t->records);
        t->records = next;
    }
    node_put(t->base);
    tree_drop(&t->work);
    t->base = NULL;
    t->spoiled = true;
}

static void transaction_free(struct transactions *all, struct transaction **at)
{
    struct transaction *t = *at;

    *at = t->next;
    all->count--;
    transaction_spoil(t);
    account_free(t);
}

void transactions_spoil(void)
{
    for (struct transactions *all = clients; all; all = all->next)
        for (struct transaction *t = all->first; t; t = t->next) {
            t->overtaken |= !t->spoiled;
            transaction_spoil(t);
        }
}

/* Old versions of the tree are given up first where there are most of them. */
static bool transactions_reclaim(void)
{
    struct transaction *victim = NULL;
    unsigned int most = 0;

    for (struct transactions *all = clients; all; all = all->next) {
        struct transaction *oldest = NULL;
        unsigned int held = 0;

        for (struct transaction *t = all->first; t; t = t->next)
            if (!t->spoiled && t != busy) {
                oldest = oldest ? oldest : t;
                held++;
            }
        if (held > most) {
            most = held;
            victim = oldest;
        }
    }
    if (victim)
        transaction_spoil(victim);
    return victim != NULL;
}

int transactions_init(void)
{
    account_reclaim = transactions_reclaim;
    return tree_create(&store_tree);
}

void transactions_add(struct transactions *all, domid_t domid, struct account *account)
{
    memset(all, 0, sizeof(*all));
    all->domid = domid;
    all->account = account;
    all->next = clients;
    clients = all;
}

void transactions_drop(struct transactions *all)
{
    while (all->first)
        transaction_free(all, &all->first);
}

void transactions_remove(struct transactions *all)
{
    struct transactions **at = &clients;

    transactions_drop(all);
    while (*at && *at != all)
        at = &(*at)->next;
    if (*at)
        *at = all->next;
}

static struct transaction **transaction_find(struct transactions *all, uint32_t id)
{
    struct transaction **at = &all->first;

    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

int transaction_start(struct transactions *all, uint32_t *id)
{
    struct transaction *t, **end;

    if (all->count >= QUOTA_TRANSACTIONS && !perms_privileged(all->domid))
        return -XEN_ENOSPC;
    t = account_alloc(all->account, sizeof(*t));
    if (!t)
        return -XEN_ENOMEM;
    memset(t, 0, sizeof(*t));
    do
        all->last_id++;
    while (all->last_id == 0 || *transaction_find(all, all->last_id));
    t->id = *id = all->last_id;
    t->records_end = &t->records;
    t->base = node_get(store_tree.root);
    tree_fork(&t->work, &store_tree);
    for (end = &all->first; *end;)
        end = &(*end)->next;
    *end = t;
    all->count++;
    return 0;
}

/* ---- what it looked at ---- */

/* *found stays as it is when the transaction's own tree is not to be used. */
static int transaction_use(struct transactions *all, uint32_t id, const char *path, enum look look,
                           struct transaction **found)
{
    struct transaction *t = *transaction_find(all, id);
    int error;

    if (!t)
        return -XEN_ENOENT;
    if (t->overtaken)
        return 0;
    if (t->spoiled)
        return -XEN_EAGAIN;
    busy = t;
    error = access_note(&t->accesses, all->account, t->base, path, look);
    busy = NULL;
    *found = t;
    return error;
}

int transaction_look(struct transactions *all, uint32_t id, const char *path, enum look look,
                     const struct node **root)
{
    struct transaction *t = NULL;
    int error;

    *root = store_tree.root;
    if (id == 0)
        return 0;
    error = transaction_use(all, id, path, look, &t);
    if (!error && t)
        *root = t->work.root;
    return error;
}

/* ---- what it changed ---- */

static int record_add(struct transactions *all, struct transaction *t, const struct change *change)
{
    size_t path = strlen(change->path) + 1;
    struct record *record;

    if (t->record_count >= QUOTA_CHANGES)
        return -XEN_ENOSPC;
    record = account_alloc(all->account, sizeof(*record) + path + change->length);
    if (!record)
        return -XEN_ENOMEM;
    record->next = NULL;
    record->change = *change;
    record->change.path = memcpy(record->path, change->path, path);
    if (change->length)
        memcpy(record->path + path, change->value, change->length);
    record->change.value = record->path + path;
    *t->records_end = record;
    t->record_count++;
    return 0;
}

static void change_fire(const struct change *change, const struct tree *before,
                        const struct tree *now)
{
    watch_fire(before->root, now->root, change->path, change->kind == CHANGE_REMOVE);
}

/* All of it or nothing.  Result: as change_apply. */
static int tree_apply(struct tree *tree, const struct change *change, domid_t by, bool fire)
{
    struct tree fork;
    int result;

    tree_fork(&fork, tree);
    result = change_apply(&fork, change, by);
    if (result > 0) {
        if (fire)
            change_fire(change, tree, &fork);
        tree_become(tree, &fork);
    }
    tree_drop(&fork);
    return result;
}

int store_change(const struct change *change)
{
    int result = tree_apply(&store_tree, change, 0, true);

    return result < 0 ? result : 0;
}

int transaction_change(struct transactions *all, uint32_t id, const struct change *change)
{
    struct transaction *t = NULL;
    int result;

    if (id == 0) {
        result = tree_apply(&store_tree, change, all->domid, true);
        return result < 0 ? result : 0;
    }
    result = transaction_use(all, id, change->path, LOOK_NODE, &t);
    if (result || !t)
        return result;
    busy = t;
    result = record_add(all, t, change);
    if (!result) {
        struct record *record = *t->records_end;

        result = tree_apply(&t->work, change, all->domid, false);
        if (result > 0) {
            t->records_end = &record->next;
        } else {
            *t->records_end = NULL;
            t->record_count--;
            account_free(record);
        }
    }
    busy = NULL;
    return result < 0 ? result : 0;
}

/* ---- the end of it ---- */

static int transaction_commit(struct transaction *t, domid_t domid)
{
    struct tree now;
    int result = 0;

    if (t->spoiled || !accesses_hold(&t->accesses, store_tree.root))
        return -XEN_EAGAIN;
    tree_fork(&now, &store_tree);
    for (struct record *record = t->records; record && result >= 0; record = record->next)
        result = change_apply(&now, &record->change, domid);
    if (result >= 0) {
        for (struct record *record = t->records; record; record = record->next)
            change_fire(&record->change, &store_tree, &now);
        tree_become(&store_tree, &now);
    }
    tree_drop(&now);
    if (result >= 0)
        return 0;
    /* What was allowed then is not any more: somebody changed what is above. */
    return result == -XEN_ENOSPC || result == -XEN_ENOMEM ? result : -XEN_EAGAIN;
}

int transaction_end(struct transactions *all, uint32_t id, bool commit)
{
    struct transaction **at = transaction_find(all, id);
    int error = 0;

    if (!*at)
        return -XEN_ENOENT;
    busy = *at;
    if (commit)
        error = transaction_commit(*at, all->domid);
    busy = NULL;
    transaction_free(all, at);
    return error;
}
