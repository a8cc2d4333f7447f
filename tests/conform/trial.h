/*
 * SPDX-License-Identifier: MIT
 *
 * trial.h - a trial: some instructions run in kernel or user mode, with registers of choice, until
 * the first trap; of that everything is kept that the hypervisor has delivered.
 *
 * The instructions lie in a page that both modes see; beside it are the pages that they use. Behind
 * them stands INT3, so that a trial that meets nothing ends there. Addresses are written in the
 * record by the page they are in: `code+3`, `absent+0`.
 */
#ifndef CONFORM_TRIAL_H
#define CONFORM_TRIAL_H

#include "mm/p2m.h"

#define TRIAL_CODE     0x10000000UL /* readable, executable */
#define TRIAL_DATA     0x10001000UL /* readable, writable, not executable */
#define TRIAL_READONLY 0x10002000UL
#define TRIAL_ABSENT   0x10003000UL
#define TRIAL_KERNEL   0x10004000UL /* mapped without PTE_U */
#define TRIAL_STACK    0x10008000UL /* top of the trial's own stack; one page */
#define TRIAL_KSTACK   0x1000a000UL /* top of the kernel stack for entries from user mode */
#define TRIAL_L1       0x1000c000UL /* the L1 of these very pages, read-only */

/* Vectors 0..255, then: */
enum {
    TRIAL_EVENT = 256,
    TRIAL_FAILSAFE,
    TRIAL_SYSCALL,
    TRIAL_SYSCALL32,
    TRIAL_SYSENTER,
    TRIAL_STUBS
};

enum trial_mode { IN_KERNEL, IN_USER };

/* Order of trial_entry.S. */
struct trial_regs {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t flags; /* of the iret hypercall */
    uint64_t rip, cs, rflags, rsp, ss;
};

/* What lies on the stack after the trap, ascending. */
struct trial_stop {
    uint64_t gs, fs, es, ds, ss, cs, rflags; /* as the handler finds them */
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector;
    uint64_t frame[]; /* the hypervisor's */
};

struct trial {
    struct trial_regs in;
    bool by_iretq; /* entered by IRETQ, not by the hypercall */

    /* The outcome. */
    unsigned int vector;
    bool has_error;
    uint64_t error, cr2;
    struct trial_stop at; /* registers at the handler's first instruction */
    uint64_t frame_at;    /* its RSP */
    uint64_t frame[8];    /* RCX R11 [error] RIP CS RFLAGS RSP SS */
    uint64_t *rip;        /* in frame[] */
    uint8_t mask;         /* upcall mask as the handler finds it */
};

/*
 * Makes the pages and the address space, and takes over every vector and callback; and gives back.
 */
void trial_begin(void);
void trial_end(void);

/* The trap table again, every vector with these flags; and the callbacks. */
void trial_vectors(unsigned int flags);
void trial_callbacks(unsigned int flags);

/* A trial of the mode, all registers set to recognisable values, the stack and flags as usual. */
struct trial trial_of(enum trial_mode mode);

/* Puts instructions at TRIAL_CODE, INT3 behind them. */
void trial_code(const void *bytes, unsigned int length);

/*
 * The code between two labels: TRIAL_INSN(name, "text") makes it, trial_insn(name) puts it in
 * place.
 */
#define TRIAL_INSN(name, text)                            \
    extern const char insn_##name[], insn_##name##_end[]; \
    __asm__(".pushsection .rodata; insn_" #name ": " text "; insn_" #name "_end: .popsection")
#define trial_insn(name) trial_code(insn_##name, (unsigned int)(insn_##name##_end - insn_##name))

/* Runs it. Events are masked again afterwards. */
void trial_run(struct trial *t);

/* Adds to the line: vector, error code, CR2, address; and registers that are not as they were. */
void tell_trap(const struct trial *t);

/* Adds the whole frame and what the handler finds. */
void tell_frame(const struct trial *t);

/* `code+3`, or the number. */
void tell_va(const char *key, uint64_t va);

/* A page of the trial as the direct map shows it. */
void *trial_page(uint64_t va);

#endif
