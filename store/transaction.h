/*
 * SPDX-License-Identifier: MIT
 *
 * transaction.h - the tree that everybody sees, and the changes that clients try out first.
 *
 * A transaction works on a tree of its own, forked when it starts.  When it ends, what it looked at
 * must still be as it was then; its changes are made again, all or none, on the tree of now.  So
 * clients that touch different nodes never make one another repeat.
 */
#ifndef STORE_TRANSACTION_H
#define STORE_TRANSACTION_H

#include <abi/abi.h>

#include "access.h"
#include "account.h"
#include "change.h"

struct transaction;

/* One client's. */
struct transactions {
    struct transactions *next;
    domid_t domid;
    struct account *account;
    struct transaction *first; /* the oldest */
    unsigned int count;
    uint32_t last_id;
};

/* The tree, outside of all transactions.  Set up once; result: 0 or -XEN_ENOMEM. */
extern struct tree store_tree;
int transactions_init(void);

void transactions_add(struct transactions *all, domid_t domid, struct account *account);
void transactions_remove(struct transactions *all);

/* Ends all of a client's without their changes. */
void transactions_drop(struct transactions *all);

/* Whatever is open, by anybody, will have to be repeated: domains came or went. */
void transactions_spoil(void);

/* Result: 0, -XEN_ENOSPC or -XEN_ENOMEM. */
int transaction_start(struct transactions *all, uint32_t *id);

/* Result: 0; -XEN_ENOENT; -XEN_EAGAIN: to be repeated; -XEN_ENOSPC, -XEN_ENOMEM. */
int transaction_end(struct transactions *all, uint32_t id, bool commit);

/*
 * The tree that a read of `path` goes to, the read noted; id 0: everybody's.
 * Result: 0, -XEN_ENOENT: no such transaction, -XEN_EAGAIN, -XEN_ENOSPC or -XEN_ENOMEM.
 */
int transaction_look(struct transactions *all, uint32_t id, const char *path, enum look look,
                     const struct node **root);

/* Makes a change there; at once, with its watches, for id 0.  Result: 0 or an error. */
int transaction_change(struct transactions *all, uint32_t id, const struct change *change);

/* A change of the store's own, as domain 0. */
int store_change(const struct change *change);

#endif
