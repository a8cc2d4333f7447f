/*
 * SPDX-License-Identifier: MIT
 *
 * change.c - see change.h.  Which error a client gets, and in which order things are asked, is
 * xenstored's.
 */
#include "change.h"

#include "path.h"

#include <string.h>

int change_access(const struct node *root, const char *path, domid_t by, unsigned int rights,
                  const struct node **node)
{
    *node = node_find(root, path);
    if (*node)
        return perms_allow(&(*node)->perms, by, rights) ? 0 : -XEN_EACCES;
    /* Whether a node exists is told to those who could see it if it did. */
    return perms_allow(&node_nearest(root, path)->perms, by, rights) ? -XEN_ENOENT : -XEN_EACCES;
}

bool change_visible(const struct node *root, const char *path, domid_t by)
{
    return perms_allow(&node_nearest(root, path)->perms, by, PERM_READ);
}

static int apply_write(struct tree *tree, const struct change *change, domid_t by)
{
    const struct node *node;
    int error = change_access(tree->root, change->path, by, PERM_WRITE, &node);

    if (error && error != -XEN_ENOENT)
        return error;
    if (!perms_privileged(by) && change->length > QUOTA_VALUE)
        return -XEN_ENOSPC;
    error = tree_write(tree, change->path, by, change->value, change->length);
    return error ? error : 1;
}

static int apply_make(struct tree *tree, const struct change *change, domid_t by)
{
    const struct node *node;
    int error = change_access(tree->root, change->path, by, PERM_WRITE, &node);

    if (error != -XEN_ENOENT)
        return error;
    error = tree_write(tree, change->path, by, NULL, 0);
    return error ? error : 1;
}

static int apply_remove(struct tree *tree, const struct change *change, domid_t by)
{
    char above[PATH_SIZE];
    const struct node *node;
    int error;

    if (!path_parent(above, change->path))
        return -XEN_EINVAL;
    error = change_access(tree->root, change->path, by, PERM_WRITE, &node);
    if (error == -XEN_ENOENT)
        return node_find(tree->root, above) ? 0 : error;
    if (!error)
        error = tree_remove(tree, change->path);
    return error ? error : 1;
}

static int apply_perms(struct tree *tree, const struct change *change, domid_t by)
{
    const struct node *node;
    int error = change_access(tree->root, change->path, by, PERM_WRITE | PERM_OWNER, &node);

    if (error)
        return error;
    if (!perms_privileged(by) && perms_owner(&change->perms) != perms_owner(&node->perms))
        return -XEN_EPERM;
    error = tree_set_perms(tree, change->path, &change->perms);
    return error ? error : 1;
}

int change_apply(struct tree *tree, const struct change *change, domid_t by)
{
    static int (*const apply[])(struct tree *, const struct change *, domid_t) = {
        [CHANGE_WRITE] = apply_write,
        [CHANGE_MAKE] = apply_make,
        [CHANGE_REMOVE] = apply_remove,
        [CHANGE_PERMS] = apply_perms,
    };

    return apply[change->kind](tree, change, by);
}
