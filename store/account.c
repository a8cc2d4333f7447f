/*
 * SPDX-License-Identifier: MIT
 *
 * account.c - charged allocations: each has a header that says how much it is and who pays.
 */
#include "account.h"

#include "quota.h"

#include <stdlib.h>
#include <string.h>

struct header {
    struct account *account;
    size_t size; /* header included */
};

_Static_assert(sizeof(struct header) % 16 == 0, "what follows is aligned as malloc's memory is");

size_t account_budget = 16UL << 20, account_used;
size_t account_share = QUOTA_BYTES;
bool account_releasing;
bool (*account_reclaim)(void);

void account_init(size_t budget)
{
    /* Nodes, and what is charged to an account. */
    size_t share = budget / 2 / (2 * STORE_DOMAINS);

    account_budget = budget;
    account_share = share < QUOTA_BYTES ? share : QUOTA_BYTES;
}

static bool account_room(size_t size)
{
    while (account_used + size > account_budget && !account_releasing)
        if (!account_reclaim || !account_reclaim())
            return false;
    return true;
}

void *account_alloc(struct account *account, size_t size)
{
    struct header *header;

    size += sizeof(*header);
    if ((account && account->bytes + size > account->limit) || !account_room(size))
        return NULL;
    header = malloc(size);
    if (!header)
        return NULL;
    header->account = account;
    header->size = size;
    account_used += size;
    if (account)
        account->bytes += size;
    return header + 1;
}

void account_free(void *memory)
{
    struct header *header = memory;

    if (!header)
        return;
    header--;
    account_used -= header->size;
    if (header->account)
        header->account->bytes -= header->size;
    free(header);
}

char *account_string(struct account *account, const char *text, size_t length)
{
    char *copy = account_alloc(account, length + 1);

    if (copy) {
        memcpy(copy, text, length);
        copy[length] = 0;
    }
    return copy;
}
