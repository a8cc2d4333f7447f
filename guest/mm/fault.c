/*
 * SPDX-License-Identifier: MIT
 *
 * fault.c - from an address and an error code to a region's policy.
 *
 * Hops of a demand fault: entry.S, traps.c trap_dispatch, here, the policy's file, pt_update.c.
 * Nothing on this path calls malloc or printf: they may be what faulted.
 */
#include "mm/fault.h"

#include "mm/aspace.h"
#include "mm/region.h"
#include "mm/steps.h"

volatile struct fault_stats fault_stats;

/* Rights come before the policy; what the region allows, the policy makes possible. */
static bool access_allowed(const struct region *region, uint32_t error)
{
    if ((error & PFEC_U) && !(region->rights & REGION_USER))
        return false;
    if (error & PFEC_W)
        return region->rights & REGION_W;
    if (error & PFEC_I)
        return region->rights & REGION_X;
    return region->rights & REGION_R;
}

bool fault_handle(uint64_t cr2, uint32_t error)
{
    struct fault fault = { .va = page_floor(cr2), .error = error };
    struct region *region = region_of(aspace_active, cr2);

    fault_stats.last_cr2 = cr2;
    fault_stats.last_error = error;
    step_log(STEP_REFLECTED, 0, cr2, error);
    if (!region || !access_allowed(region, error) || va_in_hv(cr2))
        goto refused;
    step_log(STEP_LOOKED_UP, pt_walk(aspace_root(region->as), cr2).level, cr2, 0);
    if (region->policy->fault(region, &fault))
        goto refused;
    fault_stats.resolved++;
    return true;

refused:
    fault_stats.refused++;
    step_log(STEP_REFUSED, 0, cr2, error);
    return false;
}
