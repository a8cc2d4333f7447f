/* SPDX-License-Identifier: MIT */
/*
 * The small machine: the same hv/mm, hv/pt and request decoders as everywhere, on a frame table of a
 * dozen frames with two entries in a table, and nothing that costs time when a step takes less than a
 * microsecond.
 *
 * Frame 0 and 2 are the hypervisor's, 1 is not RAM, HOME + d is the home root of domain d: an L4 that
 * no request names, loaded at the start. FIRST + g is frame g of the explored ones.
 */
#ifndef TESTS_HOST_EXPLORE_SMALL_H
#define TESTS_HOST_EXPLORE_SMALL_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "choice.h"
#include "dom/vcpu.h"
#include "mm/frame.h"
#include "state.h"

#define HOME 3u
#ifndef GRANT_PAGES
#define GRANT_PAGES 0 /* 6: machines with grants */
#endif
#define FIRST     (6u + GRANT_PAGES)
#define DOMAINS   2u
#define CPUS      3u /* vCPU 0 and 1 of the guest, vCPU 2 of the control domain, one on each */
#define CPU_OTHER 2u

/* What an untyped page's word is filled with: not present, and not empty. */
#define UNREAD 0xdead000000000000ull

#define LEAF_RO (PTE_P | PTE_U | PTE_A | PTE_D | PTE_G)
#define LEAF_RW (LEAF_RO | PTE_RW)
#define BRANCH  (PTE_P | PTE_RW | PTE_U | PTE_A)

struct config {
    unsigned frames, levels, domains;
    unsigned fixed;  /* first frames that are L3 tables under the home root, and no request's */
    unsigned parked; /* vCPUs that may wait in the middle of their cleanup */
    unsigned cpus;   /* of the guest, each with a TLB of its own: 1 or 2 */
    bool tlb;        /* the ghost TLB is part of the state */
    bool roots;      /* requests that change the kernel root */
    bool user_root;  /* and the user root */
    bool by_va;      /* update_va_mapping, emulated writes, accessed and dirty bits kept */
    bool give_back;  /* frames are given back and taken anew */
    bool segments;   /* pages that are loaded as descriptor tables */
    bool touch;      /* batches that map a page and unmap it again */
    bool faults;     /* a fallible step may fail, one in a request */
    bool preempt;    /* a check may find the CPU wanted */
    unsigned grants, handles; /* entries of the control domain's, and mappings of the guest's */
    bool both_parts; /* which may be of both kinds at once, for the host and for a device */
    bool repeat;     /* a preempted request, asked again, must end like the undisturbed one */
};
extern struct config config;

extern struct domain small_domain[DOMAINS];
extern struct vcpu small_vcpu[CPUS];
extern struct percpu small_percpu[CPUS];
extern struct percpu *machine_this_cpu;

/* Something that must not be: jumps to small_found with the text in small_text. */
void violation(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
extern jmp_buf small_found;
extern char small_text[4096];

/* Once, before anything else. */
void small_start(void);
void small_run(unsigned cpu);
bool small_is_other(unsigned cpu); /* the vCPU is the control domain's */

/* Frames on which a descriptor slot of vCPU 0 holds a reference. */
extern bool small_segment[FRAMES_MAX];

/* Hooks: quiet = no choices are made and no words asked for. */
extern struct small_hooks {
    bool quiet, no_preempt;
    bool general;              /* short ways are not taken */
    bool fast;                 /* out: one was */
    bool failed, preempted;    /* out: this run had a failure, or was preempted */
    bool restart;              /* out: the request wants to be asked again */
    unsigned waits;            /* out: how often cleanup had to wait */
    uint8_t known[FRAMES_MAX]; /* bit n: word n of the frame has a value, not UNREAD */
    void (*wait)(void);        /* 0 = cleanup goes on at once */
    bool (*check)(void);       /* instead of choices: whether the CPU is wanted */
    void (*shared)(void);      /* at each access to a shared word */
} small_hooks;

/* Entries as numbers and as words, for tables of a level. entry_number(): -1 if it is none of ours. */
uint64_t entry_word(unsigned number, unsigned level);
int entry_number(uint64_t word, unsigned level);

static inline mfn_t frame_mfn(unsigned g)
{
    return mfn_of(FIRST + g);
}

/* The auditor over everything, all vCPUs' roots and pending cleanup included: a violation if it finds anything. */
void small_audit(bool at_rest);

/* Takes both domains apart in this order: a violation if a frame is not free afterwards. */
void small_teardown(unsigned first);

/* Memory that guest pointers reach, from GUEST_VA on: of each vCPU its own. */
#define GUEST_VA    0x100000ul
#define GUEST_BYTES 256u
extern uint8_t small_guest_memory[CPUS][GUEST_BYTES];
static inline uint8_t *small_guest(void)
{
    return small_guest_memory[this_cpu()->cpu_id];
}

/* tlb.c: the ghost of CPU 0. */
void ghost_install(const struct state *s);
void ghost_observe(struct state *s);
void ghost_step(void);
void ghost_taken(mfn_t mfn);
void ghost_read(const uint64_t *word);

#endif
