/* SPDX-License-Identifier: MIT */
/*
 * Stands in for hv/config/hooks.h in the host build. The hooks are functions of the test machine
 * (tests/host/hooks.c), steered by machine.h's struct hooks.
 */
#ifndef HV_CONFIG_HOOKS_H
#define HV_CONFIG_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/percpu.h"

bool hook_preempt(void);
bool hook_fail(void);
bool hook_fast(void);
uint64_t hook_guest_read64(const uint64_t *word);
void hook_shared_access(void);
void hook_reschedule(void);

static inline bool hook_preempt_now(void)
{
    return hook_preempt();
}

/* So that tables are looked at in both ways. */
static inline bool hook_wide(void)
{
    return hook_fast();
}

#endif
