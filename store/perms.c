/*
 * SPDX-License-Identifier: MIT
 *
 * perms.c - see perms.h.
 */
#include "perms.h"

#include "wire.h"

#include <stdio.h>
#include <string.h>

/* In the order of the rights' values. */
static const char perm_letters[] = "nrwb";

bool perms_allow(const struct perms *perms, domid_t domid, unsigned int rights)
{
    unsigned int has = perms->entry[0].rights;

    if (perms_privileged(domid) || perms_owner(perms) == domid)
        return true;
    for (uint32_t i = 1; i < perms->count; i++)
        if (perms->entry[i].domid == domid) {
            has = perms->entry[i].rights;
            break;
        }
    return (has & rights) == rights;
}

struct perms perms_inherit(const struct perms *parent, domid_t domid)
{
    struct perms perms = *parent;

    if (!perms_privileged(domid))
        perms.entry[0].domid = domid;
    return perms;
}

bool perm_parse(struct perm *perm, const char *text)
{
    const char *letter = *text ? strchr(perm_letters, *text) : NULL;
    uint32_t domid;

    if (!letter || !wire_number(&domid, text + 1) || domid >= DOMID_FIRST_RESERVED)
        return false;
    perm->rights = (uint16_t)(letter - perm_letters);
    perm->domid = (domid_t)domid;
    return true;
}

void perm_print(char text[PERM_TEXT], const struct perm *perm)
{
    (void)snprintf(text, PERM_TEXT, "%c%u", perm_letters[perm->rights & 3], perm->domid);
}

bool perms_forget(struct perms *perms, domid_t domid)
{
    uint32_t kept = 1;

    for (uint32_t i = 1; i < perms->count; i++)
        if (perms->entry[i].domid != domid)
            perms->entry[kept++] = perms->entry[i];
    bool found = kept != perms->count;

    perms->count = kept;
    return found;
}
