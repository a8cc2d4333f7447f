/*
 * SPDX-License-Identifier: MIT
 *
 * perms.h - who may read and write a node.
 *
 * A list of entries.  The first names the owner, who may do everything, and what domains without an
 * entry of their own may do.  Domain 0 may do everything everywhere.
 */
#ifndef STORE_PERMS_H
#define STORE_PERMS_H

#include <abi/abi.h>

#include "quota.h"

#define PERM_READ  1U
#define PERM_WRITE 2U
#define PERM_OWNER 4U /* asked for, never stored */

#define PERM_TEXT 8 /* bytes: a letter, five digits, a nul, one to spare */

struct perm {
    domid_t domid;
    uint16_t rights;
};

struct perms {
    uint32_t count; /* 1..QUOTA_PERMS */
    struct perm entry[QUOTA_PERMS];
};

static inline domid_t perms_owner(const struct perms *perms)
{
    return perms->entry[0].domid;
}

/* True for the domains that no quota and no permission holds back. */
static inline bool perms_privileged(domid_t domid)
{
    return domid == 0;
}

/* True when `domid` has all of `rights`. */
bool perms_allow(const struct perms *perms, domid_t domid, unsigned int rights);

/* What a node gets that `domid` makes below one with `parent`'s permissions. */
struct perms perms_inherit(const struct perms *parent, domid_t domid);

/* "n", "r", "w" or "b" and a decimal domid.  Result: false: something else. */
bool perm_parse(struct perm *perm, const char *text);
void perm_print(char text[PERM_TEXT], const struct perm *perm);

/* Takes out the entries for `domid` behind the owner's.  Result: true when there were any. */
bool perms_forget(struct perms *perms, domid_t domid);

#endif
