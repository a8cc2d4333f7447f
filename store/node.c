/*
 * SPDX-License-Identifier: MIT
 *
 * node.c - see node.h.
 *
 * A client can make a tree as deep as the longest path: nothing here recurses.
 */
#include "node.h"

#include "account.h"
#include "path.h"

#include <string.h>

uint64_t node_generation_next(void)
{
    static uint64_t last;

    return ++last;
}

struct node *node_create(const char *name, size_t length, const struct perms *perms)
{
    struct node *node = account_alloc(NULL, sizeof(*node) + length + 1);

    if (!node)
        return NULL;
    memset(node, 0, sizeof(*node));
    node->refs = 1;
    node->perms = *perms;
    node->generation = node->names_generation = node_generation_next();
    memcpy(node->name, name, length);
    node->name[length] = 0;
    return node;
}

struct node *node_get(struct node *node)
{
    node->refs++;
    return node;
}

void node_put(struct node *node)
{
    struct node *dead = NULL;

    if (node && --node->refs == 0) {
        node->link = NULL;
        dead = node;
    }
    while (dead) {
        node = dead;
        dead = node->link;
        for (uint32_t i = 0; i < node->child_count; i++)
            if (--node->child[i]->refs == 0) {
                node->child[i]->link = dead;
                dead = node->child[i];
            }
        account_free(node->child);
        account_free(node->value);
        account_free(node);
    }
}

int node_own(struct node **slot)
{
    struct node *old = *slot, *copy;

    if (old->refs == 1)
        return 0;
    copy = node_create(old->name, strlen(old->name), &old->perms);
    if (!copy)
        return -XEN_ENOMEM;
    copy->generation = old->generation;
    copy->names_generation = old->names_generation;
    if (node_set_value(copy, old->value, old->value_length))
        goto fail;
    if (old->child_count) {
        copy->child = account_alloc(NULL, old->child_count * sizeof(struct node *));
        if (!copy->child)
            goto fail;
        copy->child_count = old->child_count;
        for (uint32_t i = 0; i < old->child_count; i++)
            copy->child[i] = node_get(old->child[i]);
    }
    *slot = copy;
    node_put(old);
    return 0;
fail:
    node_put(copy);
    return -XEN_ENOMEM;
}

/* The order of names: by bytes, a shorter one first. */
static int name_compare(const struct node *node, const char *name, size_t length)
{
    int order = strncmp(node->name, name, length);

    return order ? order : node->name[length] != 0;
}

/* The index of the first child whose name is not less. */
static uint32_t child_index(const struct node *node, const char *name, size_t length)
{
    uint32_t low = 0, high = node->child_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (name_compare(node->child[middle], name, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct node **node_child(const struct node *node, const char *name, size_t length)
{
    uint32_t i = child_index(node, name, length);

    if (i == node->child_count || name_compare(node->child[i], name, length))
        return NULL;
    return &node->child[i];
}

int node_child_add(struct node *parent, struct node *child)
{
    uint32_t count = parent->child_count,
             at = child_index(parent, child->name, strlen(child->name));
    struct node **list = account_alloc(NULL, (count + 1) * sizeof(struct node *));

    if (!list)
        return -XEN_ENOMEM;
    if (count) {
        memcpy(list, parent->child, at * sizeof(struct node *));
        memcpy(list + at + 1, parent->child + at, (count - at) * sizeof(struct node *));
    }
    list[at] = child;
    account_free(parent->child);
    parent->child = list;
    parent->child_count = count + 1;
    parent->names_generation = node_generation_next();
    return 0;
}

void node_child_remove(struct node *parent, struct node **slot)
{
    struct node *child = *slot;
    size_t behind = parent->child_count - (size_t)(slot - parent->child) - 1;

    memmove(slot, slot + 1, behind * sizeof(struct node *));
    parent->child_count--;
    parent->names_generation = node_generation_next();
    node_put(child);
}

int node_set_value(struct node *node, const void *value, size_t length)
{
    char *copy = NULL;

    if (length) {
        copy = account_alloc(NULL, length);
        if (!copy)
            return -XEN_ENOMEM;
        memcpy(copy, value, length);
    }
    account_free(node->value);
    node->value = copy;
    node->value_length = (uint32_t)length;
    return 0;
}

/* As far down `path` as there are nodes; *whole: to its end. */
static const struct node *descend(const struct node *root, const char *path, bool *whole)
{
    const struct node *node = root;
    const char *name;
    size_t length;

    for (; (length = path_component(path, &name)) != 0; path = name + length) {
        struct node **slot = node_child(node, name, length);

        if (!slot)
            break;
        node = *slot;
    }
    *whole = length == 0;
    return node;
}

const struct node *node_nearest(const struct node *root, const char *path)
{
    bool whole;

    return descend(root, path, &whole);
}

const struct node *node_find(const struct node *root, const char *path)
{
    bool whole;
    const struct node *node = descend(root, path, &whole);

    return whole ? node : NULL;
}

void node_each(struct node *node, void (*visit)(void *arg, const struct node *node), void *arg)
{
    struct node *todo = node;

    node->link = NULL;
    while (todo) {
        node = todo;
        todo = node->link;
        visit(arg, node);
        for (uint32_t i = 0; i < node->child_count; i++) {
            node->child[i]->link = todo;
            todo = node->child[i];
        }
    }
}

void node_walk(const struct node *root, bool (*visit)(void *arg, const char *, const struct node *),
               void *arg)
{
    static struct {
        const struct node *node;
        uint32_t next;
        size_t length; /* of the path to it, without a slash at the end */
    } frame[PATH_DEPTH];
    static char path[PATH_SIZE];
    unsigned int depth = 0;

    frame[0].node = root;
    frame[0].next = visit(arg, "/", root) ? 0 : root->child_count;
    frame[0].length = 0;
    for (;;) {
        const struct node *node = frame[depth].node, *child;

        if (frame[depth].next == node->child_count) {
            if (depth-- == 0)
                return;
            continue;
        }
        child = node->child[frame[depth].next++];
        size_t length = strlen(child->name), start = frame[depth].length;

        path[start] = '/';
        memcpy(path + start + 1, child->name, length + 1);
        if (!visit(arg, path, child) || !child->child_count)
            continue;
        frame[++depth].node = child;
        frame[depth].next = 0;
        frame[depth].length = start + 1 + length;
    }
}
