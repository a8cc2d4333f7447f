/*
 * SPDX-License-Identifier: MIT
 *
 * tree.h - one version of the tree, with what each domain owns in it.
 *
 * Paths are valid and absolute, permissions have been asked for (change.c does both).  A function
 * that fails may have done half: whoever changes a tree changes a fork of it, and drops that.
 */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include <abi/abi.h>

#include "node.h"

struct tally {
    domid_t domid;
    uint32_t nodes; /* 0: the entry is free */
    size_t bytes;
};

struct tree {
    struct node *root;
    struct tally tally[STORE_DOMAINS];
};

/* A tree of "/" alone.  Result: 0 or -XEN_ENOMEM. */
int tree_create(struct tree *tree);

/* The same tree again, to be changed by itself; costs next to nothing. */
void tree_fork(struct tree *fork, const struct tree *tree);
void tree_drop(struct tree *tree);

/* Makes `fork` the tree; the old version goes. */
void tree_become(struct tree *tree, struct tree *fork);

/*
 * Makes the node and those above it that are missing, owned by `by`; `value` NULL leaves the value.
 * Result: 0; -XEN_ENOSPC: more than `by` may own; -XEN_ENOMEM.
 */
int tree_write(struct tree *tree, const char *path, domid_t by, const void *value, size_t length);

/* Removes an existing node and what is beneath it. */
int tree_remove(struct tree *tree, const char *path);

/* Gives an existing node other permissions. */
int tree_set_perms(struct tree *tree, const char *path, const struct perms *perms);

/* What `domid` owns; entries of domains that own nothing do not exist (NULL). */
const struct tally *tree_tally(const struct tree *tree, domid_t domid);

#endif
