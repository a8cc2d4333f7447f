/*
 * SPDX-License-Identifier: MIT
 *
 * access.h - what a transaction has looked at, to be found unchanged when it ends.
 */
#ifndef STORE_ACCESS_H
#define STORE_ACCESS_H

#include "account.h"
#include "node.h"

/* Which part of a node is looked at. */
enum look { LOOK_NODE, LOOK_NAMES };

struct access;

/* One transaction's. */
struct accesses {
    struct access *first;
    unsigned int count;
};

/* Notes the path, once, with what is there in `base`.  Result: 0, -XEN_ENOSPC or -XEN_ENOMEM. */
int access_note(struct accesses *all, struct account *account, const struct node *base,
                const char *path, enum look look);

/* True when all of it is in this tree as it was in the other. */
bool accesses_hold(const struct accesses *all, const struct node *root);

void accesses_free(struct accesses *all);

#endif
