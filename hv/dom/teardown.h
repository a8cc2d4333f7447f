/* SPDX-License-Identifier: MIT */
/* The return of a dead domain's frames to the allocator. */
#ifndef HV_DOM_TEARDOWN_H
#define HV_DOM_TEARDOWN_H

#include "dom/domain.h"

/*
 * Drops every reference that d and its vCPUs hold (roots, pins, descriptor tables, registered
 * areas, rings, unfinished work) and releases every frame, shared_info included. d runs no more.
 * Returns the number of frames that still name d as owner: others refer to them.
 */
uint32_t teardown_memory(struct domain *d);

#endif
