/* SPDX-License-Identifier: MIT */
/*
 * Domains by their recipes; see recipe.h.
 * Invariant: the images that a recipe names stay in memory while it may be followed again.
 * Callers: domains.c at boot, dom/domain.c after an end.
 */
#include "dom/recipe.h"

#include "dom/sched.h"
#include "lib/errno.h"

struct domain_recipe recipes[RECIPES_MAX];
unsigned recipes_count;

struct domain_recipe *recipe_of(enum domain_role role)
{
    for (unsigned i = 0; i < recipes_count; i++)
        if (recipes[i].role == role)
            return &recipes[i];
    return 0;
}

int recipe_build(struct domain_recipe *r)
{
    struct domain *d = domain_create(r);
    int rc;

    if (!d)
        return -ENOMEM;
    rc = domain_build(d, &r->kernel, r->ramdisk.data ? &r->ramdisk : 0, r->pages);
    if (rc)
        domain_bury(d);
    else
        r->domain = d;
    return rc;
}

void recipe_start(struct domain_recipe *r)
{
    sched_start(r->domain->vcpu[0]);
    domain_changed();
}

bool recipe_repeats(const struct domain_recipe *r, uint8_t reason)
{
    return reason == SHUTDOWN_reboot                                 ? r->restart_on_reboot
           : reason == SHUTDOWN_crash || reason == SHUTDOWN_watchdog ? r->restart_on_crash
                                                                     : false;
}
