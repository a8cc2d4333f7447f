/* SPDX-License-Identifier: MIT */
/*
 * What the machine was told to make of its modules: a recipe for each domain. A domain is made by
 * its recipe at boot, and again when it ends in a way that its recipe says to go on from.
 */
#ifndef HV_DOM_RECIPE_H
#define HV_DOM_RECIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "dom/build.h"

#define RECIPES_MAX    16u
#define WEIGHT_DEFAULT 256u
#define WEIGHT_MAX     65535u

enum domain_role {
    ROLE_DOMU,
    ROLE_INITIAL, /* privileged; its end is the machine's. At most one, domid 0 */
    ROLE_STORE,   /* serves the others' store rings; it does not keep the machine up. At most one */
};

struct domain_recipe {
    uint16_t id;
    enum domain_role role;
    char name[32];
    uint32_t pages, pages_max; /* at its start; its quota */
    unsigned vcpus, weight;
    bool restart_on_reboot, restart_on_crash;
    struct build_image kernel, ramdisk; /* ramdisk.data 0: none */
    bool made;                          /* once already: it is not the same domain again */
    struct domain *domain;              /* that was made by it last; 0 when that one has ended */
};

extern struct domain_recipe recipes[RECIPES_MAX];
extern unsigned recipes_count;

/* The recipe of this role that there is at most one of, or 0. */
struct domain_recipe *recipe_of(enum domain_role role);

/*
 * Makes the domain and builds it; its vCPU 0 stays down. 0, or -ENOMEM, -EINVAL: there is nothing
 * left of it, and the log says why.
 */
int recipe_build(struct domain_recipe *r);

/* The domain begins to run. */
void recipe_start(struct domain_recipe *r);

/* True if a domain of this recipe that ended for SHUTDOWN_* reason is to be made again. */
bool recipe_repeats(const struct domain_recipe *r, uint8_t reason);

#endif
