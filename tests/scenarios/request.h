/*
 * SPDX-License-Identifier: MIT
 *
 * request.h - what scenarios about requests ask with: arguments that are none, and who is asking.
 */
#ifndef TESTS_SCENARIOS_REQUEST_H
#define TESTS_SCENARIOS_REQUEST_H

#include "scenario.h"

#define BAD_POINTER ((void *)0xffff820000000000UL) /* in the hypervisor's slots */
#define NO_PORT     0x100000u

static inline bool initial_domain(void)
{
    return guest_start_info->flags & SIF_INITDOMAIN;
}

#endif
