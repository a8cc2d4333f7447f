/*
 * SPDX-License-Identifier: MIT
 *
 * tree.c - changing a version of the tree: from the root down, each node on the way becomes its
 * own.
 */
#include "tree.h"

#include "account.h"
#include "path.h"

#include <string.h>

int tree_create(struct tree *tree)
{
    const struct perms perms = { .count = 1 }; /* n0 */

    memset(tree, 0, sizeof(*tree));
    tree->root = node_create("", 0, &perms);
    return tree->root ? 0 : -XEN_ENOMEM;
}

void tree_fork(struct tree *fork, const struct tree *tree)
{
    *fork = *tree;
    (void)node_get(fork->root);
}

void tree_drop(struct tree *tree)
{
    node_put(tree->root);
    tree->root = NULL;
}

void tree_become(struct tree *tree, struct tree *fork)
{
    struct node *old = tree->root;

    *tree = *fork;
    fork->root = NULL;
    node_put(old);
}

/* ---- what each domain owns ---- */

static size_t node_cost(const struct node *node)
{
    return sizeof(*node) + sizeof(struct node *) + strlen(node->name) + node->value_length;
}

const struct tally *tree_tally(const struct tree *tree, domid_t domid)
{
    for (unsigned int i = 0; i < STORE_DOMAINS; i++)
        if (tree->tally[i].nodes && tree->tally[i].domid == domid)
            return &tree->tally[i];
    return NULL;
}

static struct tally *tally_of(struct tree *tree, domid_t domid)
{
    struct tally *tally = (struct tally *)tree_tally(tree, domid);

    for (unsigned int i = 0; !tally && i < STORE_DOMAINS; i++)
        if (!tree->tally[i].nodes) {
            tally = &tree->tally[i];
            tally->domid = domid;
            tally->bytes = 0;
        }
    return tally;
}

static int tally_add(struct tree *tree, const struct node *node)
{
    domid_t owner = perms_owner(&node->perms);
    struct tally *tally;

    if (perms_privileged(owner))
        return 0;
    tally = tally_of(tree, owner);
    if (!tally)
        return -XEN_ENOSPC;
    tally->nodes++;
    tally->bytes += node_cost(node);
    return 0;
}

static void tally_subtract(void *tree, const struct node *node)
{
    struct tally *tally = (struct tally *)tree_tally(tree, perms_owner(&node->perms));

    if (!tally)
        return;
    tally->nodes--;
    tally->bytes -= node_cost(node);
}

static int tally_check(const struct tree *tree, const struct node *node, domid_t by)
{
    const struct tally *tally;

    /* What the privileged make in a domain's part counts as the domain's, but is not refused. */
    if (perms_privileged(by))
        return 0;
    tally = tree_tally(tree, perms_owner(&node->perms));
    if (tally && (tally->nodes > QUOTA_NODES || tally->bytes > account_share))
        return -XEN_ENOSPC;
    return 0;
}

/* ---- changes ---- */

static int child_make(struct tree *tree, struct node *parent, const char *name, size_t length,
                      domid_t by)
{
    struct perms perms = perms_inherit(&parent->perms, by);
    struct node *node = node_create(name, length, &perms);
    int error = node ? node_child_add(parent, node) : -XEN_ENOMEM;

    if (error) {
        node_put(node);
        return error;
    }
    error = tally_add(tree, node);
    return error ? error : tally_check(tree, node, by);
}

/* Goes down to a node, own all the way, making what is missing for `by`.  Result: 0 or an error. */
static int tree_descend(struct tree *tree, const char *path, domid_t by, struct node **found)
{
    struct node **slot = &tree->root, *parent;
    const char *name;
    size_t length;
    int error = node_own(slot);

    for (; !error && (length = path_component(path, &name)) != 0; path = name + length) {
        parent = *slot;
        slot = node_child(parent, name, length);
        if (!slot) {
            error = child_make(tree, parent, name, length, by);
            slot = node_child(parent, name, length);
        }
        if (!error)
            error = node_own(slot);
    }
    if (!error)
        *found = *slot;
    return error;
}

int tree_write(struct tree *tree, const char *path, domid_t by, const void *value, size_t length)
{
    struct node *node = NULL;
    int error = tree_descend(tree, path, by, &node);

    if (error || !value)
        return error;
    tally_subtract(tree, node);
    error = node_set_value(node, value, length);
    if (!error)
        error = tally_add(tree, node);
    node->generation = node_generation_next();
    return error ? error : tally_check(tree, node, by);
}

int tree_remove(struct tree *tree, const char *path)
{
    char above[PATH_SIZE];
    struct node *parent = NULL, **slot;
    int error;

    if (!path_parent(above, path))
        return -XEN_EINVAL;
    error = tree_descend(tree, above, 0, &parent);
    if (error)
        return error;
    const char *name = strrchr(path, '/') + 1;

    slot = node_child(parent, name, strlen(name));
    if (!slot)
        return -XEN_ENOENT;
    node_each(*slot, tally_subtract, tree);
    node_child_remove(parent, slot);
    return 0;
}

int tree_set_perms(struct tree *tree, const char *path, const struct perms *perms)
{
    struct node *node = NULL;
    int error = tree_descend(tree, path, 0, &node);

    if (error)
        return error;
    tally_subtract(tree, node);
    node->perms = *perms;
    node->generation = node_generation_next();
    return tally_add(tree, node);
}
