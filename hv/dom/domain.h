/* SPDX-License-Identifier: MIT */
/* A domain: its memory account, its vCPUs, the pages it shares with the hypervisor. */
#ifndef HV_DOM_DOMAIN_H
#define HV_DOM_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "dom/evtchn.h"
#include "dom/share.h"
#include "lib/machine.h"
#include "lib/spinlock.h"
#include "mm/hv_map.h"
#include "mm/owner.h"

#define DOMAIN_MAX_VCPUS 8u
#define DOMAIN_NO_REASON (~0u)

struct vcpu;
struct gnttab;

/* What a domain left in the ports that are emulated for it (pv/priv_io.c). */
struct io_latches {
    uint8_t cmos_index;   /* port 0x70 */
    bool pic_probed;      /* port 0x21 was left with PIC_ALL_BUT_CASCADE */
    uint32_t pci_address; /* port 0xcf8 */
    uint8_t speaker;      /* port 0x61, bits 1:0: gate and speaker of timer 2 */
    struct {              /* timer 2: port 0x42, commands by 0x43 */
        uint8_t access;   /* 1 low byte, 2 high byte, 3 low then high */
        bool high_next;   /* the next access to the data port is the high byte */
        uint8_t written_low;
        uint16_t reload;
        uint64_t started; /* system time at which it began to count down */
        int8_t latched;   /* bytes of the latched count that are still to be read */
        uint16_t latch;
    } pit2;
};

#define CONSOLE_LINE  256u
#define CONSOLE_INPUT 256u /* power of two */

/* What waits on either way between a domain and the serial line (dom/console.c). */
struct console {
    uint32_t line_used;
    char line[CONSOLE_LINE]; /* a line of output that is not finished */
    uint64_t flush_at;       /* system time at which it is written nevertheless, 0 = none waits */
    uint32_t cons, prod;
    char input[CONSOLE_INPUT];
};

struct domain {
    uint16_t id;
    bool initial;   /* initial domain: privileged, console_io, its end is the machine's */
    bool store;     /* the store: it may look at the others, and does not count as one */
    bool shut_down; /* SCHEDOP_shutdown was made, or it was crashed */
    uint32_t
        shutdown_reason; /* SHUTDOWN_*; until it is shut down, what it will be then, if it said */
    struct owner owner;  /* frames; owner.id == id */
    struct vcpu *vcpu[DOMAIN_MAX_VCPUS];
    unsigned vcpus;        /* vCPU slots that exist */
    shared_info_t *shared; /* hypervisor's view of shared_info */
    mfn_t shared_mfn;
    struct perdomain_map perdomain; /* GDT and LDT windows, slot 260 */
    uint64_t vm_assist;             /* bits by type */
    struct evtchn_table evtchn;
    struct gnttab *gnttab; /* dom/gnttab.h */
    struct io_latches io;
    /*
     * Lock order: evtchn.lock, then (nothing); of grants: dom/gnttab.h. Page types lock by frame,
     * see pt/page_type.h.
     */
    mfn_t console_mfn; /* console ring of a domU, MFN_NONE for the initial domain */
    uint32_t console_port;
    struct console console;
    mfn_t store_mfn;
    uint32_t store_port;
    uint64_t max_pfn;
    uint64_t watchdog[2]; /* SCHEDOP_watchdog slots: deadline in system time, 0 = free */
    struct share share;   /* of the CPU */
    struct domain *next;  /* all domains, by id */
    struct domain_recipe *recipe;
    char name[32];
    uint8_t handle[16];
};

struct domain_recipe;

/*
 * A new, empty domain by its recipe, with shared_info and its vCPUs (dom/vcpu.h), which are down. It
 * has the recipe's id the first time, then one that was not used for long. 0 when out of memory.
 */
struct domain *domain_create(struct domain_recipe *r);

/* The domain with this id, unless it is dead; DOMID_SELF gives the current one. 0 if there is none. */
struct domain *domain_find(uint16_t id);

/* False while it is still being built: others run meanwhile, and are not to see it yet. */
bool domain_complete(const struct domain *d);

/*
 * Shuts the domain down for SHUTDOWN_* reason: vCPUs stop; the end of the last domain ends the
 * machine.
 */
void domain_shutdown(struct domain *d, uint8_t reason);

/*
 * Kills the current domain for what its guest did: says why, dumps registers, a page walk of the
 * faulting address (cr2, or ~0 for none), the frame's type and counts, and a backtrace; does not
 * return to the guest. Safe from any hypercall or exception context of the current vCPU.
 */
__attribute__((noreturn, format(printf, 1, 2))) void domain_crash(const char *fmt, ...);

/*
 * Every domain, linked by next, in the order of their ids. A dead one (owner.dying) stays, without
 * vCPUs, until the last of its frames has come back: others may refer to them.
 */
extern struct domain *domain_list;

/* Tells those who keep an eye on domains that one has come, stopped or gone: VIRQ_DOM_EXC. */
void domain_changed(void);

/* Prints and buries domains that have stopped; from the idle loop, on the idle page table. */
void domain_reap(void);

/* Gives back every root, port and table of a domain that has stopped or never ran, and its pages. */
void domain_bury(struct domain *d);

#endif
