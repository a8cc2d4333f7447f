/*
 * SPDX-License-Identifier: MIT
 *
 * user.h - system calls that newlib has no name for.
 */
#ifndef GUEST_USER_H
#define GUEST_USER_H

#include "sys.h"

/* Raw: the kernel's result, negative errors of the ABI's numbers. */
long sys_call(long number, long a1, long a2, long a3);

static inline int sys_fork(void)
{
    return (int)sys_call(SYS_FORK, 0, 0, 0);
}

static inline int sys_wait(int pid)
{
    return (int)sys_call(SYS_WAIT, pid, 0, 0);
}

static inline void sys_yield(void)
{
    (void)sys_call(SYS_YIELD, 0, 0, 0);
}

/* what: PROBE_* of sys.h. */
static inline long sys_probe(long what, const volatile void *va)
{
    return sys_call(SYS_PROBE, what, (long)va, 0);
}

#endif
