/*
 * SPDX-License-Identifier: MIT
 *
 * access.c - see access.h.  An access is a path and the generation of what was there (0: nothing).
 */
#include "access.h"

#include <string.h>

struct access {
    struct access *next;
    uint64_t generation;
    enum look look;
    char path[];
};

static uint64_t generation_of(const struct node *root, const char *path, enum look look)
{
    const struct node *node = node_find(root, path);

    if (!node)
        return 0;
    return look == LOOK_NAMES ? node->names_generation : node->generation;
}

int access_note(struct accesses *all, struct account *account, const struct node *base,
                const char *path, enum look look)
{
    size_t length = strlen(path);
    struct access *access;

    for (access = all->first; access; access = access->next)
        if (access->look == look && strcmp(access->path, path) == 0)
            return 0;
    if (all->count >= QUOTA_ACCESSES)
        return -XEN_ENOSPC;
    access = account_alloc(account, sizeof(*access) + length + 1);
    if (!access)
        return -XEN_ENOMEM;
    access->generation = generation_of(base, path, look);
    access->look = look;
    memcpy(access->path, path, length + 1);
    access->next = all->first;
    all->first = access;
    all->count++;
    return 0;
}

bool accesses_hold(const struct accesses *all, const struct node *root)
{
    for (const struct access *access = all->first; access; access = access->next)
        if (generation_of(root, access->path, access->look) != access->generation)
            return false;
    return true;
}

void accesses_free(struct accesses *all)
{
    while (all->first) {
        struct access *next = all->first->next;

        account_free(all->first);
        all->first = next;
    }
}
