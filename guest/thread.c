/*
 * SPDX-License-Identifier: MIT
 *
 * thread.c - a table of threads, round robin, and the switch.
 *
 * Invariant: thread_current is the running thread, its address space is the active one, newlib's
 * _impure_ptr is its own, and the kernel stack for entries from user mode is its stack's top.
 */
#include "thread.h"

#include "events.h"
#include "guest.h"
#include "hypercall.h"
#include "mm/aspace.h"
#include "mm/layout.h"
#include "mm/page.h"
#include "mm/pt_update.h"

#include <reent.h>
#include <string.h>

void thread_switch_stack(uint64_t *save_rsp, uint64_t load_rsp);

static struct thread threads[THREAD_MAX];

struct thread *thread_current = &threads[0];

/* A slot of the stacks' area: guard page, stack, and a last page for newlib's structure. */
#define SLOT_BYTES ((THREAD_STACK_PAGES + 2) * PAGE_SIZE)

_Static_assert(sizeof(struct _reent) <= PAGE_SIZE, "one page holds a thread's newlib state");

static uint64_t slot_va(const struct thread *t)
{
    return STACKS_VA + t->slot * SLOT_BYTES;
}

static void stack_free(struct thread *t)
{
    for (uint64_t va = slot_va(t) + PAGE_SIZE; va < slot_va(t) + SLOT_BYTES; va += PAGE_SIZE) {
        pte_t old = 0;

        (void)pt_unmap(&kernel_aspace, va, &old);
        if (old & PTE_P)
            page_put(m2p(pte_mfn(old)));
    }
}

static int stack_alloc(struct thread *t)
{
    for (uint64_t va = slot_va(t) + PAGE_SIZE; va < slot_va(t) + SLOT_BYTES; va += PAGE_SIZE) {
        pfn_t pfn = page_alloc_zero(PAGE_KERNEL);

        if (page_none(pfn))
            return -XEN_ENOMEM;
        if (pt_map(&kernel_aspace, va, p2m(pfn), PTE_P | PTE_RW | PTE_NX)) {
            page_put(pfn);
            return -XEN_ENOMEM;
        }
    }
    t->stack_top = slot_va(t) + (THREAD_STACK_PAGES + 1) * PAGE_SIZE;
    t->reent = (struct _reent *)t->stack_top;
    _REENT_INIT_PTR(t->reent);
    return 0;
}

static void thread_entry(void)
{
    events_restore(false);
    thread_current->fn(thread_current->arg);
    thread_exit();
}

void threads_init(void)
{
    *thread_current = (struct thread){
        .name = "main",
        .state = THREAD_READY,
        .reent = _impure_ptr,
        .aspace = &kernel_aspace,
    };
}

struct thread *thread_create(const char *name, void (*fn)(void *arg), void *arg)
{
    struct thread *t = NULL;

    for (unsigned int i = 1; i < THREAD_MAX && !t; i++)
        if (threads[i].state == THREAD_FREE) {
            t = &threads[i];
            t->slot = i;
        }
    if (!t)
        return NULL;
    *t = (struct thread){
        .slot = t->slot, .name = name, .fn = fn, .arg = arg, .aspace = &kernel_aspace
    };
    if (stack_alloc(t)) {
        stack_free(t);
        return NULL;
    }
    /* What thread_switch_stack pops: FPU control words, six registers, a return address. */
    uint64_t *sp = (uint64_t *)t->stack_top;

    *--sp = 0; /* keeps the stack aligned as after a call */
    *--sp = (uint64_t)thread_entry;
    sp -= 6;
    *--sp = 0x037f00001f80UL; /* x87 control word, MXCSR */
    t->rsp = (uint64_t)sp;
    t->state = THREAD_READY;
    return t;
}

static void switch_to(struct thread *next)
{
    struct thread *prev = thread_current;

    if (next == prev)
        return;
    bool masked = events_mask();

    thread_current = next;
    _impure_ptr = next->reent;
    aspace_switch(next->aspace);
    if (next->stack_top)
        (void)hypercall_stack_switch(FLAT_KERNEL_SS, next->stack_top);
    thread_switch_stack(&prev->rsp, next->rsp);
    events_restore(masked);
}

/* The next ready thread behind the caller, the caller itself last; NULL when all wait. */
static struct thread *next_ready(void)
{
    for (unsigned int i = 1; i <= THREAD_MAX; i++) {
        struct thread *t = &threads[(thread_current->slot + i) % THREAD_MAX];

        if (t->state == THREAD_READY)
            return t;
    }
    return NULL;
}

static void switch_away(void)
{
    struct thread *next;
    bool masked = events_mask(); /* or a wake could fall between looking and blocking */

    while (!(next = next_ready())) {
        events_wait();
        (void)events_mask();
    }
    events_restore(masked);
    switch_to(next);
}

void thread_yield(void)
{
    switch_away();
}

void thread_exit(void)
{
    thread_current->state = THREAD_ZOMBIE;
    thread_current->aspace = &kernel_aspace;
    switch_away();
    guest_panic("thread: a zombie runs");
}

void thread_join(struct thread *thread)
{
    while (thread->state != THREAD_ZOMBIE)
        thread_yield();
    _reclaim_reent(thread->reent);
    stack_free(thread);
    thread->state = THREAD_FREE;
}

void thread_wait(void)
{
    thread_current->state = THREAD_WAITING;
    switch_away();
}

void thread_wake(struct thread *thread)
{
    if (thread->state == THREAD_WAITING)
        thread->state = THREAD_READY;
}

void thread_set_aspace(struct aspace *aspace)
{
    thread_current->aspace = aspace ? aspace : &kernel_aspace;
    aspace_switch(thread_current->aspace);
}
