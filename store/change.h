/*
 * SPDX-License-Identifier: MIT
 *
 * change.h - what a client may see and do: permissions asked for, then the tree changed.
 *
 * The same change is made at once, or first in a transaction's own tree and again when that ends.
 */
#ifndef STORE_CHANGE_H
#define STORE_CHANGE_H

#include <abi/abi.h>

#include "tree.h"

enum change_kind { CHANGE_WRITE, CHANGE_MAKE, CHANGE_REMOVE, CHANGE_PERMS };

struct change {
    enum change_kind kind;
    const char *path;
    const char *value; /* CHANGE_WRITE */
    size_t length;
    struct perms perms; /* CHANGE_PERMS */
};

/*
 * The node, if `by` has all of `rights` there.
 * Result: 0; -XEN_ENOENT: it does not exist, and `by` may know that; -XEN_EACCES.
 */
int change_access(const struct node *root, const char *path, domid_t by, unsigned int rights,
                  const struct node **node);

/* True when `by` may read the node, or would be told that it is not there. */
bool change_visible(const struct node *root, const char *path, domid_t by);

/*
 * Carries it out.  Result: 1 when the tree is another now, 0 when it was so already, or an error:
 * the tree may have changed by half.
 */
int change_apply(struct tree *tree, const struct change *change, domid_t by);

#endif
