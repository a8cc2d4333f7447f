/* SPDX-License-Identifier: MIT */
/*
 * Stands in front of hv/lib/spinlock.h in the host build: whoever waits for a lock does so at points
 * where the test machine sees it.
 */
#ifndef HOST_LIB_SPINLOCK_H
#define HOST_LIB_SPINLOCK_H

#include <stdint.h>

#include "hooks.h"

struct spinlock {
    uint32_t held;
};

static inline void spin_lock(struct spinlock *l)
{
    hook_shared_access();
    while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
        hook_shared_access();
}

/* Only what is held is let go. */
static inline void spin_unlock(struct spinlock *l)
{
    if (!l->held)
        __builtin_trap();
    __atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

#endif
