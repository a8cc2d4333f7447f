/*
 * SPDX-License-Identifier: MIT
 *
 * link.h - the domains of this machine as clients: found, their pages mapped, their ports bound.
 */
#ifndef STORE_LINK_H
#define STORE_LINK_H

#include <stdbool.h>

/* Asks to be told of domains.  Result: 0 or the hypervisor's error. */
int links_init(void);

/* Takes up domains that came, and drops those that went; to be called when an event came. */
void links_scan(void);

/* One step for each client, in turn.  Result: true when anything moved. */
bool links_step(void);

/* Lets other domains run. */
void links_yield(void);

/* Blocks until there is an event that links_scan and links_step have not seen, or something typed. */
void links_wait(void);

#endif
