/*
 * SPDX-License-Identifier: MIT
 *
 * fuzz.h - the fuzzing kernel: what its parts share.
 *
 * A run is a seed and a range of steps. A step derives all it does from (seed, step), and every EPOCH
 * steps the world is put back to its start, so that a finding replays from the start of its epoch.
 *
 * Invariant: the kernel's own life - its image, stacks, roots, console, the arena below - is never an
 * operand that a request could write to. What may change freely is the pool's frames and the VOLATILE
 * addresses. So a domain crash is legal but rare, and anything the hypervisor does wrong is a finding.
 */
#ifndef GUEST_FUZZ_H
#define GUEST_FUZZ_H

#include "guest.h"
#include "hypercall.h"
#include "mm/p2m.h"
#include "mm/walk.h"

#define EPOCH 256u

/* ---- random.c ---- */

void random_start(uint64_t seed, uint64_t step);
uint64_t random64(void);
uint64_t below(uint64_t n);  /* 0..n-1 */
bool chance(unsigned int n); /* true once in n */
uint64_t hostile(void); /* a number that borders on something; never an address of the kernel's */
uint64_t hostile_va(void); /* an address: bad, borderline, or the arena's */
/* While set, hostile_va() keeps off the pages that steps run in. */
extern bool hostile_spares_code;
bool hostile_near(uint64_t value); /* may come from hostile_va() */
uint64_t selector(void);

#define PICK(list) ((list)[below(sizeof(list) / sizeof((list)[0]))])

/* ---- shot.S, fire.c, trap.c: one piece of code run under control ---- */

enum reg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, REGS };

enum end { END_LANDED, END_TRAPPED, END_OVERRUN };

/* What shot.S works on; ASM_* are its offsets. */
struct shot {
    uint64_t in[REGS];
    struct iret_context frame; /* how it is entered: RAX, RCX, R11, RIP, CS, RFLAGS, RSP, SS */
    uint64_t out[REGS];
    uint64_t out_flags;
    uint16_t out_segment[6]; /* ES CS SS DS FS GS */
};

/* Registers as a stub found them; rsp is the frame. */
struct entry {
    uint64_t reg[REGS];
    uint64_t flags;
    uint16_t segment[6];
    uint16_t pad[2];
    struct iret_context back; /* for the way back */
};

enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEGS };

/* A frame as the hypervisor pushed it. */
struct frame {
    uint64_t rcx, r11, error, rip, cs, rflags, rsp, ss;
    bool has_error;
};

extern struct shot shot;
extern struct entry trap_entry, event_entry, nmi_entry;
extern uint32_t trap_vector;
extern char trap_stubs_256[], stub_failsafe[], stub_event[], stub_syscall[], stub_syscall32[],
    stub_sysenter[], stub_nmi[];
#define VECTOR_FAILSAFE  256u
#define VECTOR_SYSCALL   257u
#define VECTOR_SYSCALL32 258u
#define VECTOR_SYSENTER  259u

/* What a step allows and expects; zeroed before each. */
struct plan {
    bool user;            /* runs in user mode */
    bool nonsense;        /* any bytes at all */
    bool segments_change; /* loads segment registers itself */
    bool leaks;           /* reads CR2 or the like: hypervisor addresses may turn up */
    bool hypercall;       /* one hypercall: its register conventions are checked */
    unsigned int resume;  /* so many #DB and #BP are resumed */
    uint64_t dr7;         /* breakpoints that are in force */
    uint64_t rip_after;   /* hypercall: where SYSCALL returns to, 0 = by the stub */
};
extern struct plan plan;

struct result {
    enum end end;
    unsigned int vector;
    struct frame frame;
};
extern struct result result;

/* Runs what shot.in and shot.frame say; result and shot.out tell what came of it. */
void shot_run(void);
void shot_fire(void); /* shot.S */

void step_begins(void); /* trap.c: from here on a trap is the step's */
void step_ends(void);
bool was_given(uint64_t value); /* in a register, by the step */
void check_leak(const char *where, unsigned int reg, uint64_t value);

void traps_install(void); /* trap table, callbacks, kernel stack */
struct trap_info *traps_table(void);
extern bool traps_dirty;
extern bool verbose; /* each shot is printed before it is fired */

/* Ends the run: the hypervisor did what it must not. */
void finding(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- world.c: the arena and the state that every step starts from ---- */

#define ARENA       (ARENA_VA + (64UL << 30)) /* far from everything else */
#define CODE_VA     (ARENA + 0x100000UL)      /* one page, read, write, execute */
#define ARGS_VA     0xa00000UL                /* ARGS_PAGES pages, unmapped on both sides */
#define ARGS_PAGES  4u
#define STACK_VA    0x800000UL /* STACK_PAGES pages, unmapped on both sides, below 4 GiB */
#define STACK_PAGES 4u
#define RO_VA       (ARENA + 0x400000UL) /* one page, read-only */
#define USER_CODE   0x400000UL           /* the same frame as CODE_VA, kernel and user */
#define USER_DATA   0x600000UL           /* two pages, read, write */
#define TOP_VA      0x00007ffffffff000UL /* the last page below the hole, read, write, execute */

extern vcpu_info_t *info;
extern uint16_t timer_port, ipi_port;
extern uint64_t ticks; /* of the timer, since boot */

void world_make(uint64_t seed);
void world_reset(void);   /* at the start of each epoch */
void world_restore(void); /* before each step */
extern bool roots_dirty, world_iopl_virtual;
mfn_t world_root(void);
mfn_t world_user_root(void);
uint64_t kernel_table_mfn(void); /* a frame that is a live page table of the kernel's */

/* Starts a shot: zeroed plan, random registers, kernel mode, a good stack; RIP is the caller's. */
void shot_prepare(void);
/* Appends the end of a kernel snippet, or of a user one, at `code`; result: past it. */
uint8_t *code_end(uint8_t *code, bool user);

/* ---- pool.c: frames and addresses that requests may do anything to ---- */

#define POOL        24u
#define VOLATILE_VA (ARENA + (1UL << 30)) /* an L1, an L2 and an L3 of its own */
#define VOLATILE_L4 5u                    /* L4 slots 5..8 of both roots */
#define PAGE_RW     (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX)

void pool_make(void);
void pool_reset(void);
void pool_check(void);            /* after each step */
extern struct walk volatile_walk; /* of VOLATILE_VA */
uint64_t pool_mfn(void);          /* one of the pool's */
uint64_t any_mfn(void);           /* the pool's mostly; else a hostile number, or a kernel table */
uint64_t pte_value(void);
uint64_t pte_slot(void); /* machine address of an entry that may be written to */
void pool_took(uint64_t mfn);
pfn_t pool_pfn(void);

/* ---- calls.c, call_*.c: hypercalls ---- */

struct call {
    uint64_t nr, arg[6];
};
void call_make(struct call *c, bool nested);
void call_memory(struct call *c); /* requests on memory: false when it is another */
void call_grants(struct call *c); /* grants of the pool; not in lists */
void grants_make(void);
void grants_reset(void);                    /* what is mapped by them goes */
bool call_cpu(struct call *c, bool nested); /* requests on the CPU, events, time */
void *args_at(uint64_t bytes);              /* where the arguments of the next request may lie */
uint64_t args_pointer(void *good);          /* mostly `good`; else something hostile */
uint64_t list_pointer(void *good);        /* the same for what must not be taken for another list */
void args_fill(void *at, uint64_t bytes); /* with numbers of all sorts */
extern uint64_t calls_made;               /* random ones */
extern uint64_t calls_in_all; /* beside these: what puts the world back, and each way into a shot */

/* ---- insn.c, steps.c, step_cpu.c ---- */

/* One instruction of any kind at `code`; result: past it. Sets registers and the plan as it needs. */
uint8_t *insn_make(uint8_t *code);
uint8_t *insn_store(uint8_t *code); /* a store to [RDI] */
uint8_t *insn_segment(uint8_t *code);

void step_run(void); /* one of all kinds */
const char *step_name(void);

void step_iret(void);
void step_user(void);
void step_interrupt(void);
void step_descriptors(void);
void step_segment(void);
void step_debug(void);
void step_edge(void);
void step_stack(void);
void step_callback(void);
void step_watched(void); /* not among the random ones */

#endif
