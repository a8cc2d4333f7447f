/*
 * SPDX-License-Identifier: MIT
 *
 * quota.h - how much of the store one domain may have.
 *
 * None of it is shared: what a domain uses up is its own, and the sum over STORE_DOMAINS domains
 * fits the budget that account.c keeps.  Domain 0 and the store itself are not limited.
 */
#ifndef STORE_QUOTA_H
#define STORE_QUOTA_H

#define STORE_DOMAINS \
    24 /* served at one time; the hypervisor has 16, and some that are not gone yet */

#define QUOTA_NODES        1000 /* nodes it owns */
#define QUOTA_VALUE        2048 /* bytes of one value */
#define QUOTA_PERMS        5    /* entries of one permission list */
#define QUOTA_WATCHES      128
#define QUOTA_EVENTS       256 /* of watches, not yet delivered */
#define QUOTA_TRANSACTIONS 10  /* open at one time */
#define QUOTA_ACCESSES     512 /* paths that one transaction reads or writes */
#define QUOTA_CHANGES      512 /* changes that one transaction makes */
/* Bytes of its nodes, and once more of its watches, events and transactions; see account_share. */
#define QUOTA_BYTES        (192 * 1024)

#endif
