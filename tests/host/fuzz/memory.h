/* SPDX-License-Identifier: MIT */
/*
 * The machine that memory programs run on: 64 frames with tables of full size, an unprivileged
 * domain with two vCPUs, the initial domain, and another unprivileged one, on four CPUs or on one.
 *
 *   frames 0-2     the hypervisor's (2 its idle L4) and one that is not RAM
 *   then           d1: its ports, its grant table, a tree L4…L1, a page, 7 blank pages
 *                  d0, d2: the same with one blank page
 *   the rest       free
 *
 * A program is a header and records of 12 bytes (struct op). Everything that it leads to follows from
 * its bytes alone, so that a finding is repeated by its file.
 */
#ifndef TESTS_HOST_FUZZ_MEMORY_H
#define TESTS_HOST_FUZZ_MEMORY_H

#include "dom/vcpu.h"
#include "fuzz.h"
#include "hooks.h"
#include "lib/errno.h"
#include "mm/frame.h"
#include "pv/hypercall.h"

#define FRAMES     64u
#define FRAME_IDLE 2u
#define FRAME_RAM  3u /* the first that is the allocator's */
#define CPUS       4u
#define VCPUS      4u
#define DOMAINS    3u
#define OPS_MAX    64u

#define LEAF_RO (PTE_P | PTE_U | PTE_A | PTE_G)
#define LEAF_RW (LEAF_RO | PTE_RW | PTE_D)
#define BRANCH  (PTE_P | PTE_RW | PTE_U | PTE_A)

/* ---- programs ---- */

struct header {
    uint8_t mode;  /* HEADER_* */
    uint8_t order; /* in which domains are destroyed at the end */
    uint8_t unused[2];
};
#define HEADER_ONE_CPU 0x01u /* all vCPUs share CPU 0 */
#define HEADER_EAGER   0x02u /* the ghost TLB looks at each shared access */
#define HEADER_TRACE   0x04u /* trace=1 */
#define HEADER_PREEMPT 0x08u /* the teardown at the end is preempted at each check */
#define HEADER_BLANK   0x10u /* d1's vCPU 1 has no root yet */

struct op {
    uint8_t kind;    /* index of the table of kinds */
    uint8_t mode;    /* OP_* */
    uint8_t a, slot; /* a frame (a table) and a slot in it */
    uint8_t b, bits; /* the frame that an entry names, and its flags */
    uint8_t preempt; /* which preemption check says yes */
    uint8_t fail;    /* which fallible step fails */
    uint8_t race_at; /* at which shared access the next record starts on another CPU */
    uint8_t race_for;
    uint8_t x, y; /* the kind's own */
};
_Static_assert(sizeof(struct op) == 12, "packed");
#define OP_VCPU    0x03u
#define OP_JOIN    0x04u /* the next record of this class is in the same batch */
#define OP_NEST    0x08u /* the next record runs where this one is preempted */
#define OP_RACE    0x10u /* the next record runs at the same time */
#define OP_FLIP    0x20u /* words read twice are different the second time */
#define OP_FOREIGN 0x40u /* names another domain's frames */

/* Reads a program: its records, the number of them. */
size_t program_read(const uint8_t *data, size_t size, struct header *h, struct op ops[OPS_MAX]);

/* memory_ops.c: what a kind of record is called. */
const char *op_name(uint8_t kind);
void program_start(const struct op *ops, size_t count);
/* Runs the next record of the program, if there is one, as a vCPU that can. */
void program_step(void);
bool program_ended(void);
/* Where it is, in words. */
void program_where(char *text, size_t size);

/* ---- the machine (memory_machine.c) ---- */

struct machine_domain {
    struct domain d;
    bool exists; /* else it was destroyed */
    bool dead;   /* and others still refer to its frames, or use its grants */
    bool ends;   /* is being taken apart, with others in between */
};

extern struct machine_domain domains[DOMAINS]; /* d1, d0, d2 */
extern struct vcpu vcpus[VCPUS], idle;
extern struct percpu cpus[CPUS];
extern unsigned busy; /* bit n: vCPU n is in the middle of a request */
extern bool one_cpu;
/* The initial domain has named another one's tables: they may map what it put there. */
extern bool machine_foreign_tables;

void machine_begin(const struct header *h);
/* Destroys every domain; every frame must have come back. */
void machine_end(const struct header *h);

/* Hypervisor's slots of an L4. */
#define HV_ENTRY (FRAME_IDLE * PAGE_SIZE | PTE_P | PTE_RW | PTE_A | PTE_D)

/* Makes v the one that is loaded on this CPU, and the CPU the one that runs. */
void cpu_load(struct percpu *cpu, struct vcpu *v);

/* Makes vCPU n the one that runs, on its CPU. */
void machine_run(unsigned n);
bool vcpu_exists(unsigned n);

/* Every rule holds, now. */
void machine_check(void);

/* ---- domains (memory_domains.c) ---- */

/* All of them begin. */
void domains_start(void);
/* What is left of the dead that nobody refers to any more goes. */
void domains_forget(void);

/* The n-th page that a domain got at the start: of d1 0 is a page, 1-4 its L1 to L4, 5-11 blank. */
uint64_t machine_page(unsigned n);

void machine_destroy(struct machine_domain *m);
/* A new domain in place of one that is gone for good. False: no memory. */
bool machine_create(struct machine_domain *m);

/* ---- hooks (memory_hooks.c) ---- */

struct op_hooks {                             /* of the record under way on each strand */
    unsigned long preempt_at, preempt_checks; /* ALWAYS = at each */
    unsigned long fail_at, fallible_steps;
    bool flip;
    unsigned nest; /* records that may still run where it is preempted */
};
#define ALWAYS (~0ul)
extern struct op_hooks *strand_hooks;
extern unsigned long accesses; /* shared ones, of the whole program */

void hooks_start(void);
/* A new request: nothing has been read yet. */
void hooks_request(void);
/* What a second read of a 64-bit word gives. */
uint64_t second_read(const void *word, uint64_t value);

/*
 * Two strands (memory_race.c): the next record starts on another CPU at the at-th shared access from
 * now, runs for so many of its own, and both come to their ends.
 */
void race_arm(unsigned at, unsigned run_for);
/* The next record does not start at the same time after all. */
void race_disarm(void);
/* Ends the race of the request that has just returned: the other strand runs to its end. */
void race_finish(void);
bool race_under_way(void);
void race_access(void);

/* ---- the guest's side (memory_guest.c) ---- */

#define GUEST_VA     0x700000000000ul
#define GUEST_WINDOW 0x1000ul /* of each vCPU */

uint8_t *window(void); /* of the current vCPU */
uint64_t window_va(void);
/* Issues a hypercall until it ends. False: the domain died in the meantime. */
bool hypercall(unsigned nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, long *result);
/* event_channel_op (memory_events.c). */
long hc_events(uint64_t cmd, uint64_t arg, uint64_t a3, uint64_t a4, uint64_t a5);
/* At a place where the current vCPU waits: what others do then. */
void others_run(void);

/* ---- the ghost TLB (memory_ghost.c) ---- */

void ghost_start(void);
/* A record has ended, after a step: nobody holds an address any more. */
void ghost_rest(void);
void ghost_step(void);
void ghost_read(uint64_t frame);
/* Whether some TLB may hold the frame as writable. */
bool ghost_writable(uint64_t frame);
/* Frames that a CPU may still walk through as tables of a level. */
uint64_t ghost_tables(unsigned level);

#endif
