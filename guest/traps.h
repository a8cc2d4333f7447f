/*
 * SPDX-License-Identifier: MIT
 *
 * traps.h - every way into the guest kernel: exceptions, events, system calls.
 *
 * The FPU image is part of the trap frame: entry.S saves it on every entry and restores it on every
 * return.  So code that runs inside a fault may use SSE (newlib does), a process switch needs no
 * further care, and a duplicated process duplicates its FPU state with its frame.
 */
#ifndef GUEST_TRAPS_H
#define GUEST_TRAPS_H

#include <abi/abi.h>

/* Vectors 0..31 are the processor's; these three name the callbacks. */
#define TRAP_DB       1
#define TRAP_BP       3
#define TRAP_UD       6
#define TRAP_GP       13
#define TRAP_PF       14
#define TRAP_VECTORS  32
#define TRAP_EVENT    32
#define TRAP_FAILSAFE 33
#define TRAP_SYSCALL  34

/* What entry.S leaves on the stack; see the picture there.  Ascending from RSP. */
struct trap_frame {
    uint8_t fpu[512]; /* fxsave image */
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t vector;
    uint64_t error; /* 0 where the vector has none; becomes iret's flags word */
    uint64_t rip;
    uint16_t cs; /* low two bits 0: the guest kernel was interrupted; 3: guest user */
    uint16_t pad0;
    uint8_t saved_upcall_mask;
    uint8_t pad1[3];
    uint64_t rflags; /* IF says whether events were unmasked */
    uint64_t rsp;
    uint64_t ss;
};

_Static_assert(offsetof(struct trap_frame, r15) == 512, "entry.S");
_Static_assert(offsetof(struct trap_frame, vector) == 512 + 15 * 8, "entry.S");
_Static_assert(sizeof(struct trap_frame) == 512 + 22 * 8, "entry.S");
_Static_assert(sizeof(struct trap_frame) % 16 == 0, "fxsave and the C ABI want 16");

static inline bool trap_from_user(const struct trap_frame *frame)
{
    return (frame->cs & 3) == 3;
}

/* What was caught: for a page fault, cr2 is the address and error the ABI's code (PFEC_*). */
struct trap_report {
    unsigned int vector;
    uint32_t error;
    uint64_t cr2;
    uint64_t rip;
};

/*
 * Registers the trap table and the event, failsafe and syscall callbacks.  Events stay masked.
 * Panics when the hypervisor refuses: there is no kernel without traps.
 */
void traps_init(void);

/*
 * Runs fn(arg) so that an exception which nothing else resolves comes back here instead of killing
 * the kernel.  A demand fault that a region resolves is not caught: fn goes on.
 * Result: true when a trap was caught (`report` filled in), false when fn returned.
 * Nests; belongs to the calling thread; fn must not switch threads.
 */
bool trap_catch(void (*fn)(void *arg), void *arg, struct trap_report *report);

/* One access each, caught.  Result: true when it faulted (`report` filled in). */
bool probe_read(uint64_t va, uint64_t *value, struct trap_report *report);
bool probe_write(uint64_t va, uint64_t value, struct trap_report *report);
bool probe_exec(uint64_t va, struct trap_report *report);

/* The handler of one vector (0..31): true when it is resolved and the instruction may go on. */
typedef bool (*trap_handler_t)(struct trap_frame *frame);

/* Installs a handler for a vector without one of the kernel's own; NULL removes it. */
void trap_handler_set(unsigned int vector, trap_handler_t handler);

/* Prints a frame's registers. */
void trap_dump(const struct trap_frame *frame);

/* entry.S calls this with events masked; it returns to leave by the iret hypercall. */
void trap_dispatch(struct trap_frame *frame);

/* Enters `frame` by the iret hypercall: how a new process begins. */
void trap_return(struct trap_frame *frame) __attribute__((noreturn));

#endif
