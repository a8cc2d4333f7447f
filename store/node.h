/*
 * SPDX-License-Identifier: MIT
 *
 * node.h - nodes: versions of the tree share them.
 *
 * A node that more than one version holds is never changed; tree.c makes its own copy first.  So a
 * snapshot is a reference on the root, and the old tree is there as long as somebody holds it.
 */
#ifndef STORE_NODE_H
#define STORE_NODE_H

#include <abi/abi.h>

#include "perms.h"

struct node {
    uint32_t refs; /* parents, of all versions; or a tree's root */
    uint32_t value_length;
    uint32_t child_count;
    struct perms perms;
    uint64_t generation;       /* of its value and permissions */
    uint64_t names_generation; /* of the list of its children */
    struct node **child;       /* sorted by name */
    char *value;
    struct node *link; /* while it waits in a list of this file */
    char name[];
};

/* Numbers are never used twice; 0 is none's. */
uint64_t node_generation_next(void);

/* A node with one reference, without value and children.  Result: NULL when memory is short. */
struct node *node_create(const char *name, size_t length, const struct perms *perms);

struct node *node_get(struct node *node);
void node_put(struct node *node); /* NULL is fine */

/* Makes *slot a node that nobody else holds; its parent must be one already. */
int node_own(struct node **slot);

/* The slot of a child.  Result: NULL: there is none of this name. */
struct node **node_child(const struct node *node, const char *name, size_t length);

/* The caller's reference goes to the parent.  Result: 0 or -XEN_ENOMEM. */
int node_child_add(struct node *parent, struct node *child);
void node_child_remove(struct node *parent, struct node **slot);

int node_set_value(struct node *node, const void *value, size_t length);

/* Result: NULL: no such node. */
const struct node *node_find(const struct node *root, const char *path);

/* The node, or the one nearest above it that exists. */
const struct node *node_nearest(const struct node *root, const char *path);

/* Calls `visit` for every node of a subtree. */
void node_each(struct node *node, void (*visit)(void *arg, const struct node *node), void *arg);

/*
 * The same with paths, from above; beneath a node for which the result is false it does not go.
 * The callback must not call it.
 */
void node_walk(const struct node *root, bool (*visit)(void *arg, const char *, const struct node *),
               void *arg);

#endif
