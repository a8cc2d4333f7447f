/*
 * SPDX-License-Identifier: MIT
 *
 * thread.h - cooperative threads on one vCPU.
 *
 * A thread runs until it yields, waits or exits.  Each has a kernel stack that is mapped in full (a
 * frame that cannot be pushed kills the domain) above an unmapped guard page, and its own newlib
 * reentrancy structure.  A process is a thread that goes to user mode; see process.h.
 */
#ifndef GUEST_THREAD_H
#define GUEST_THREAD_H

#include <abi/abi.h>

struct aspace;
struct process;
struct _reent;
struct trap_report;

#define THREAD_MAX         64
#define THREAD_STACK_PAGES 8

enum thread_state { THREAD_FREE, THREAD_READY, THREAD_WAITING, THREAD_ZOMBIE };

struct thread {
    uint64_t rsp; /* while it does not run */
    enum thread_state state;
    unsigned int slot; /* index in the table and in the stacks' area */
    const char *name;
    void (*fn)(void *arg);
    void *arg;
    uint64_t stack_top;
    uint64_t *catch_rsp; /* innermost trap_catch: where to go on */
    struct trap_report *catch_report;
    struct aspace *aspace; /* active while the thread runs */
    struct process *process;
    struct _reent *reent;
};

extern struct thread *thread_current;

/* Makes the caller (on the boot stack) the first thread, "main". */
void threads_init(void);

/* Makes a ready thread.  Result: NULL when there is no slot or no memory for the stack. */
struct thread *thread_create(const char *name, void (*fn)(void *arg), void *arg);

/* Lets another ready thread run, if there is one. */
void thread_yield(void);

/* Ends the caller; thread_join (or the next thread_create) takes its slot. */
void thread_exit(void) __attribute__((noreturn));

/* Runs others until `thread` has ended, then frees its stack. */
void thread_join(struct thread *thread);

/* Parks the caller until thread_wake.  Without a ready thread the vCPU blocks for events. */
void thread_wait(void);
void thread_wake(struct thread *thread);

/* Changes the address space the calling thread runs in (NULL: the kernel's own). */
void thread_set_aspace(struct aspace *aspace);

#endif
