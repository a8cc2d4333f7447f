/*
 * SPDX-License-Identifier: MIT
 *
 * account.h - the store's memory: every allocation is charged, to the whole and to one account.
 *
 * A client's account keeps it from taking more than its share; the budget keeps all of them, and
 * the old versions of the tree that open transactions hold, below what the domain has.
 */
#ifndef STORE_ACCOUNT_H
#define STORE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>

struct account {
    size_t bytes;
    size_t limit;
};

/* Bytes that may be allocated, and are; the budget is set once, before the first client. */
extern size_t account_budget, account_used;

/* What one domain may have of it: QUOTA_BYTES, or less where the budget is small. */
extern size_t account_share;

/* Sets both: the shares of all domains are half of the budget, and the rest is the store's own. */
void account_init(size_t budget);

/* Set while something is given back that takes a little first: the budget does not hold then. */
extern bool account_releasing;

/*
 * Called when the budget is exhausted: gives something back and returns true, or returns false.
 * transaction.c provides it.
 */
extern bool (*account_reclaim)(void);

/* Result: NULL when the account (NULL: nobody's) or the budget has no more; contents undefined. */
void *account_alloc(struct account *account, size_t size);

/* Takes what account_alloc gave, or NULL. */
void account_free(void *memory);

/* A copy of `length` bytes and a nul behind them. */
char *account_string(struct account *account, const char *text, size_t length);

#endif
