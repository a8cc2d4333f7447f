/* SPDX-License-Identifier: MIT */
/*
 * The test machine: a frame table over an array of memory, a few CPUs with one vCPU each, two
 * domains, and the hooks of hv/config/hooks.h in the tests' hands.
 *
 * Frame 0 and 2 are the hypervisor's, frame 1 is not RAM, the rest is free at the start. vCPUs 0 and 1
 * belong to machine_guest (unprivileged), vCPU 2 to machine_control (initial domain), vCPU 3 to
 * machine_guest. A panic of the hypervisor, or a rule that does not hold, fails the test.
 *
 * After every operation a test calls machine_check() (the op_* functions do): the auditor and the
 * ghost TLB must have nothing to say.
 */
#ifndef TESTS_HOST_MACHINE_H
#define TESTS_HOST_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dom/vcpu.h"
#include "hooks.h"
#include "lib/errno.h"
#include "mm/frame.h"
#include "mm/owner.h"
#include "pt/audit.h"
#include "pt/page_type.h"
#include "pv/hypercall.h"

#define MACHINE_CPUS      4u
#define MACHINE_VCPUS     4u
/* Of a vCPU: frames of its GDT and pages of its LDT. Of an L4: slots of the hypervisor's. */
#define MACHINE_GDT_PAGES 14u
#define MACHINE_LDT_PAGES 16u
#define MACHINE_HV_SLOTS  (PT_HV_SLOT_LAST - PT_HV_SLOT_FIRST + 1)

/* Slots of an L4 that a guest may use, and flags of the entries that most tests install. */
#define GUEST_SLOT 0u
#define LEAF_RO    (PTE_P | PTE_U | PTE_A | PTE_G)
#define LEAF_RW    (LEAF_RO | PTE_RW | PTE_D)
#define BRANCH     (PTE_P | PTE_RW | PTE_U | PTE_A)

extern struct domain machine_guest, machine_control;
extern struct vcpu machine_vcpu[MACHINE_VCPUS];
extern struct percpu machine_percpu[MACHINE_CPUS];
extern uint64_t machine_hv_slots[MACHINE_HV_SLOTS]; /* what every L4 has there */

/* Steering of the hooks, and what they counted. hooks_reset() before each operation. */
struct machine_hooks {
    unsigned long preempt_checks, preempt_at; /* at the n-th check, 0 = never, ALWAYS = each */
    unsigned long fallible_steps, fail_at;    /* the same for steps that may fail */
    bool general; /* the short ways through common requests are not taken */
    unsigned long shared_accesses, interrupt_at;
    void (*interrupt)(void);   /* another CPU's whole operation, at shared access interrupt_at */
    bool waited;               /* out: the other CPU had to wait, so nothing of it happened */
    void (*rescheduled)(void); /* what other vCPUs do when one waits; 0 = nothing */
    unsigned long reschedules;
    bool flip;      /* a guest word reads differently the second time */
    bool read_only; /* the guest's memory, by now */
    unsigned long double_reads,
        table_rereads; /* of the guest's memory; of words of tables, if flip */
    unsigned long work,
        longest_work; /* steps since the last preemption check, and the most there were */
};
#define ALWAYS (~0ul)
extern struct machine_hooks hooks;
void hooks_reset(void);

/* A machine with that many frames (at most 4096). CPU 0 runs vCPU 0. */
void machine_begin(unsigned frames);
/* Gives everything back; fails the test if frames of a domain cannot be got back. */
void machine_end(void);
/* cmocka setup and teardown around a test: 64 frames. */
int machine_setup(void **state);
int machine_teardown(void **state);

/* Lets vCPU n run on the CPU with its number: this_cpu() is that CPU from now on. */
void machine_run(unsigned n);

/* The auditor and the ghost TLB (check.c); where names the step for the log. at_rest: no pending cleanup. */
void machine_check(const char *where);
/* Differences that the auditor finds now, without failing the test. */
unsigned machine_audit(bool at_rest);
/* The auditor's quick look, at what has changed since the last one. */
bool machine_sums_agree(void);
/* Runs until the hypervisor panics: true if it did, with the text in the log. */
#define machine_panics(statement)          \
    ({                                     \
        volatile bool panicked = true;     \
                                           \
        machine_panic_expected = true;     \
        if (!setjmp(machine_panic_jump)) { \
            statement;                     \
            panicked = false;              \
        }                                  \
        machine_panic_expected = false;    \
        panicked;                          \
    })
extern jmp_buf machine_panic_jump;
extern bool machine_panic_expected;

/*
 * Both domains get a grant table. domain_list is the list of them; machine_end() takes all grants
 * back first.
 */
void machine_grants(void);

/* What the test is at, for the message of a failure. */
void machine_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *machine_noted(void);
/* While true, machine_check() does nothing: another CPU is in the middle of its operation. */
extern bool machine_checks_off;
/* References held by the test itself, for the auditor: one general, and a type unless PT_NONE. */
void machine_hold(mfn_t mfn, enum page_type type);
void machine_unhold(mfn_t mfn, enum page_type type);

/* A frame of the domain, zeroed; the test fails if there is none. */
mfn_t machine_page(struct domain *d);
/* The guest writes into its page through a mapping that it has or could have: the frame is no table. */
void machine_poke(mfn_t mfn, unsigned slot, uint64_t value);
uint64_t machine_peek(mfn_t mfn, unsigned slot);

/* A whole chain in pages of the guest: l[4] -> … -> l[1] -> page, in slot GUEST_SLOT of each, unpinned. */
struct machine_tree {
    mfn_t l[5]; /* l[0] is the mapped page */
};
struct machine_tree machine_tree(struct domain *d, uint64_t leaf_flags);

/*
 * Operations as vCPU 0's guest asks for them, with restarts and cleanup, then machine_check().
 * Results as the hypercalls'. op_update: one mmu_update; cmd is MMU_NORMAL_PT_UPDATE or …PRESERVE_AD.
 */
long op_pin(mfn_t mfn, unsigned level);
long op_unpin(mfn_t mfn);
long op_update(mfn_t table, unsigned slot, uint64_t value);
long op_update_ad(mfn_t table, unsigned slot, uint64_t value);
long op_update_va(uint64_t va, uint64_t value, uint64_t flags);
long op_baseptr(mfn_t mfn);
long op_user_baseptr(mfn_t mfn);
/* The current vCPU's first kernel base pointer, as the domain builder sets it. */
void op_first_root(mfn_t mfn);

/*
 * A hypercall of two arguments. The log has the line of its refusal, of what and by which rule; and none
 * where rule is 0.
 */
long op_explained(const char *what, const char *rule, hypercall_fn *fn, uint64_t a1, uint64_t a2);

/* Hypercall with restarts; between (or 0) runs before each reissue. */
long machine_hypercall(hypercall_fn *fn, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
extern void (*machine_between_restarts)(void);
extern unsigned machine_restarts;

/* Memory that guest pointers reach: [GUEST_VA, GUEST_VA + GUEST_BYTES). All else faults. */
#define GUEST_VA    0x100000ul
#define GUEST_BYTES 0x10000ul
extern uint8_t machine_guest_memory[GUEST_BYTES];
/* Of each vCPU: room for its requests, and the word that counts what was done. */
#define GUEST_REQUESTS (GUEST_VA + 0x3000ul * this_cpu()->cpu_id)
#define GUEST_DONE     (GUEST_VA + 0xf000 + 0x100 * this_cpu()->cpu_id)
void *machine_requests(void);
uint32_t machine_done(void);

/* The state that a refused request leaves as it was (I7). */
struct snapshot;
struct snapshot *snapshot_take(void);
/* True if nothing differs but what a refusal may leave: the dates and idle types of untyped frames. */
bool snapshot_same(const struct snapshot *s);
/* The same of another machine's end: but for what the hypervisor keeps in pages of its own. */
bool snapshot_same_end(const struct snapshot *s);
void snapshot_restore(const struct snapshot *s);
void snapshot_free(struct snapshot *s);

/* The operation is refused with this error, and nothing has changed. */
#define assert_refused(error, operation)           \
    do {                                           \
        struct snapshot *before = snapshot_take(); \
                                                   \
        assert_int_equal(operation, error);        \
        machine_check(#operation);                 \
        assert_true(snapshot_same(before));        \
        snapshot_free(before);                     \
    } while (0)

/* The ghost TLB (ghost.c). */
void ghost_start(void);
void ghost_stop(void);
void *ghost_save(void);
void ghost_restore(void *saved); /* and frees it */
void ghost_step(void);           /* adds what can be derived now, checks the rules */
bool ghost_has(mfn_t mfn, bool writable);
void ghost_read_check(const uint64_t *word);
extern unsigned long ghost_flushes, ghost_va_flushes;

/*
 * The CPU's side of a vCPU (cpu.c): its windows on descriptor tables, page by page, the GDT's and from
 * MACHINE_WINDOW_LDT on the LDT's; how many of its requests ended in another context.
 */
#define MACHINE_WINDOW_LDT 16u
extern uint64_t machine_window[2][MACHINE_VCPUS][32]; /* by domain id and the vCPU's */
extern unsigned machine_irets;
extern unsigned machine_fault_routes; /* how often the way of page faults was looked for anew */
extern struct machine_ldt {
    uint64_t va;
    uint32_t entries;
} machine_ldt_loaded; /* the CPU's LDT register, loaded last */

/* The log: what printk wrote since the last call of log_clear(), and how much. */
const char *log_text(void);
size_t log_length(void);
void log_clear(void);

#endif
