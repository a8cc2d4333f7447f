/*
 * SPDX-License-Identifier: MIT
 *
 * region_guard.c - a range that must stay empty: below a stack, around a buffer.
 */
#include "mm/region.h"

static int guard_fault(struct region *region, const struct fault *fault)
{
    (void)region;
    (void)fault;
    return -XEN_EACCES;
}

const struct region_policy region_guard = {
    .name = "guard",
    .fault = guard_fault,
};
