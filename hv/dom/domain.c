/* SPDX-License-Identifier: MIT */
/*
 * Domains: their making, their end, and the return of everything they held.
 *
 * Invariant: a domain that is in domain_list and not dead has vCPU 0, shared_info and a memory
 * account. One that has shut down never runs again: its vCPUs are stopped before anything of it is
 * taken apart, and taking apart happens on the idle vCPU, so never on a stack or a page table of
 * the dead. Callers: dom/build.c (make), dom/sched.c and pv/ (end), the idle loop (burial).
 */
#include "dom/domain.h"

#include "dom/books.h"
#include "dom/console.h"
#include "dom/dump.h"
#include "dom/gnttab.h"
#include "dom/recipe.h"
#include "dom/sched.h"
#include "dom/teardown.h"
#include "dom/vcpu.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/m2p.h"
#include "mm/page_alloc.h"

struct domain *domain_list;

_Static_assert(sizeof(struct domain) <= PAGE_SIZE, "a domain is allocated as one page");

/* The frame that the ABI shares with the guest: every upcall mask starts set. */
static bool shared_info_create(struct domain *d)
{
    d->shared = page_alloc_zeroed();
    if (!d->shared)
        return false;
    d->shared_mfn = frame_of_va(d->shared);
    for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        d->shared->vcpu_info[i].evtchn_upcall_mask = 1;
    frame_assign(d->shared_mfn, d->id, FRAME_HV_SHARED);
    m2p_set(d->shared_mfn, M2P_INVALID);
    wallclock_refresh(d);
    return true;
}

/* The L3 of slot 260 is there from the start, so that every L4 of the domain names the same one. */
static bool perdomain_create(struct domain *d)
{
    void *l3 = page_alloc_zeroed();

    if (!l3)
        return false;
    d->perdomain.l3_pa = mfn_to_ma(frame_of_va(l3));
    d->owner.perdomain_entry = d->perdomain.l3_pa | PTE_P | PTE_RW | PTE_A | PTE_D;
    return true;
}

/* Ids of domains that came and went are not given again before all others were. */
static uint16_t id_next(void)
{
    static uint16_t last = RECIPES_MAX;

    do
        last = last < DOMID_FIRST_RESERVED - 1u ? (uint16_t)(last + 1u) : 1;
    while (owner_find(last));
    return last;
}

static bool parts_create(struct domain *d, unsigned vcpus)
{
    if (!perdomain_create(d) || !evtchn_init(d) || !shared_info_create(d) || !gnttab_create(d))
        return false;
    for (unsigned i = 0; i < vcpus; i++)
        if (!vcpu_create(d, i))
            return false;
    return true;
}

static void list_add(struct domain *d)
{
    struct domain **link = &domain_list;

    while (*link && (*link)->id < d->id)
        link = &(*link)->next;
    d->next = *link;
    *link = d;
}

static void list_remove(const struct domain *d)
{
    struct domain **link = &domain_list;

    while (*link && *link != d)
        link = &(*link)->next;
    if (*link)
        *link = d->next;
}

/* The beginning of its name, which so reaches the store, and its number: no two are the same. */
static void handle_make(struct domain *d)
{
    memcpy(d->handle, d->name, sizeof(d->handle) - 2);
    d->handle[14] = (uint8_t)(d->id >> 8);
    d->handle[15] = (uint8_t)d->id;
}

struct domain *domain_create(struct domain_recipe *r)
{
    struct domain *d = page_alloc_zeroed();

    if (!d)
        return 0;
    d->id = owner_find(r->id) || r->made ? id_next() : r->id;
    d->initial = r->role == ROLE_INITIAL;
    d->store = r->role == ROLE_STORE;
    d->recipe = r;
    share_start(&d->share, r->weight);
    d->shutdown_reason = DOMAIN_NO_REASON;
    d->console_mfn = d->store_mfn = d->shared_mfn = MFN_NONE;
    d->owner =
        (struct owner){ .id = d->id, .max_pages = r->pages_max, .maps_firmware = d->initial };
    strlcpy(d->name, r->name, sizeof(d->name));
    if (!d->initial)
        handle_make(d);
    if (!owner_register(&d->owner)) {
        page_free(frame_of_va(d), 0);
        return 0;
    }
    r->made = true;
    list_add(d);
    if (parts_create(d, r->vcpus))
        return d;
    domain_bury(d);
    return 0;
}

struct domain *domain_find(uint16_t id)
{
    struct domain *d;

    if (id == DOMID_SELF)
        return domain_current();
    for (d = domain_list; d && (d->id != id || d->owner.dying); d = d->next)
        ;
    return d;
}

bool domain_complete(const struct domain *d)
{
    return d->owner.dying || d->recipe->domain == d;
}

static const char *reason_name(uint8_t reason)
{
    static const char *const names[] = {
        [SHUTDOWN_poweroff] = "poweroff", [SHUTDOWN_reboot] = "reboot",
        [SHUTDOWN_suspend] = "suspend",   [SHUTDOWN_crash] = "crash",
        [SHUTDOWN_watchdog] = "watchdog", [SHUTDOWN_soft_reset] = "soft reset",
    };

    return reason <= SHUTDOWN_MAX ? names[reason] : "unknown reason ";
}

static unsigned machine_value(uint8_t reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        return MACHINE_POWEROFF;
    case SHUTDOWN_crash:
        return MACHINE_CRASH;
    case SHUTDOWN_watchdog:
        return MACHINE_WATCHDOG;
    default:
        return MACHINE_REBOOT;
    }
}

/* The initial domain's end is the machine's, in the words that scripts know. With audit= only after
 * its burial: the books are to be looked at then too. */
static __attribute__((noreturn)) void machine_end(uint16_t id, uint8_t reason)
{
    const char *again = opt_noreboot ? "'noreboot' set - not rebooting." : "rebooting machine";

    switch (reason) {
    case SHUTDOWN_poweroff:
        printk(LOG_ALWAYS, "Hardware Dom%u halted: halting machine\n", id);
        break;
    case SHUTDOWN_crash:
        printk(LOG_ALWAYS, "Hardware Dom%u crashed: %s\n", id,
               opt_noreboot ? again : "rebooting machine in 5 seconds.");
        break;
    case SHUTDOWN_reboot:
        printk(LOG_ALWAYS, "Hardware Dom%u shutdown: rebooting machine\n", id);
        break;
    case SHUTDOWN_watchdog:
        printk(LOG_ALWAYS, "Hardware Dom%u shutdown: watchdog rebooting machine\n", id);
        break;
    default:
        printk(LOG_ALWAYS, "Hardware Dom%u shutdown: unknown reason %u: %s\n", id, reason, again);
        break;
    }
    machine_stop(machine_value(reason));
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
    if (d->shut_down)
        return;
    d->shut_down = true;
    if (d->shutdown_reason == DOMAIN_NO_REASON)
        d->shutdown_reason = reason;
    console_ring_drain(d);
    console_flush(d);
    for (unsigned i = 0; i < d->vcpus; i++)
        sched_stop(d->vcpu[i], VCPU_STOPPED);
    if (d->initial && books_when == BOOKS_OFF)
        machine_end(d->id, (uint8_t)d->shutdown_reason);
    domain_changed();
    sched_idle_work();
}

/* Cold, so that the formatting does not spill into the callers' frames. */
__attribute__((noinline, cold)) void domain_crash(const char *fmt, ...)
{
    struct vcpu *v = vcpu_current();
    struct domain *d = v->domain;
    char why[160];
    va_list args;

    va_start(args, fmt);
    vsnprintk(why, sizeof(why), fmt, args);
    va_end(args);
    if (!d)
        panic("domain_crash on the idle vCPU: %s", why);
    console_ring_drain(d);
    console_flush(d);
    printk(LOG_ALWAYS, "domain_crash called by d%uv%u: %s\n", d->id, v->id, why);
    printk(LOG_ALWAYS, "Domain %u (vcpu#%u) crashed on cpu#%u:\n", d->id, v->id,
           this_cpu()->cpu_id);
    crash_dump(v, v->cr2);
    books_report();
    domain_shutdown(d, SHUTDOWN_crash);
    schedule();
    panic("d%uv%u runs after its crash", d->id, v->id);
}

void domain_changed(void)
{
    for (const struct domain *d = domain_list; d; d = d->next)
        if ((d->initial || d->store) && !d->shut_down)
            evtchn_raise_virq(d->vcpu[0], VIRQ_DOM_EXC);
}

static struct domain *domain_stopped(void)
{
    struct domain *d = domain_list;

    while (d && (!d->shut_down || d->owner.dying))
        d = d->next;
    return d;
}

static bool domains_left(void)
{
    for (const struct domain *d = domain_list; d; d = d->next)
        if (!d->store && !d->owner.dying)
            return true;
    return false;
}

/* What the machine will be left with: the worst that any domain came to. */
static unsigned worse(unsigned a, unsigned b)
{
    static const uint8_t order[] = { MACHINE_POWEROFF, MACHINE_REBOOT, MACHINE_WATCHDOG,
                                     MACHINE_CRASH };

    for (unsigned i = 0; i < sizeof(order); i++) {
        if (order[i] == a)
            return b;
        if (order[i] == b)
            return a;
    }
    return a;
}

static void made_again(struct domain_recipe *r)
{
    if (recipe_build(r))
        printk(LOG_ERROR, "Domain %s cannot be made again\n", r->name);
    else
        recipe_start(r);
}

static void stopped_bury(struct domain *d)
{
    static unsigned left_with = MACHINE_POWEROFF;
    struct domain_recipe *r = d->recipe;
    uint8_t reason = (uint8_t)d->shutdown_reason;
    bool initial = d->initial;
    uint16_t id = d->id;
    char number[8];

    books_close("before teardown");
    domain_bury(d);
    books_close("after teardown");
    if (initial)
        machine_end(id, reason);
    snprintk(number, sizeof(number), "%u", reason);
    printk(LOG_ALWAYS, "Domain %u (%s) shut down: %s%s\n", id, r->name, reason_name(reason),
           reason <= SHUTDOWN_MAX ? "" : number);
    if (recipe_repeats(r, reason)) {
        made_again(r);
        return;
    }
    if (r->role != ROLE_STORE)
        left_with = worse(left_with, machine_value(reason));
    if (!domains_left())
        machine_stop(left_with);
    console_input_lost(r);
    domain_changed();
}

/* What is left of the dead that nobody refers to any more goes. */
static void dead_forget(void)
{
    struct domain *next;
    uint16_t id;

    owner_frames_gone = false;
    for (struct domain *d = domain_list; d; d = next) {
        next = d->next;
        if (!d->owner.dying)
            continue;
        if (gnttab_idle(d))
            gnttab_destroy(d);
        if (d->gnttab || d->owner.pages || d->owner.lent)
            continue;
        list_remove(d);
        owner_unregister(&d->owner);
        id = d->id;
        page_free(frame_of_va(d), 0);
        printk(LOG_DEBUG, "Domain %u is gone: %lukB are free\n", id, page_free_count() << 2);
    }
}

void domain_reap(void)
{
    struct domain *d;

    if (owner_frames_gone)
        dead_forget();
    while ((d = domain_stopped()))
        stopped_bury(d);
}

static void vcpus_destroy(struct domain *d)
{
    unsigned n = d->vcpus;

    d->vcpus = 0;
    while (n--) {
        vcpu_destroy(d->vcpu[n]);
        d->vcpu[n] = 0;
    }
}

void domain_bury(struct domain *d)
{
    uint32_t left;

    d->owner.dying = d->shut_down = true;
    if (d->recipe->domain == d)
        d->recipe->domain = 0;
    evtchn_destroy(d);
    (void)teardown_memory(d);
    vcpus_destroy(d);
    if (d->perdomain.l3_pa)
        perdomain_free(&d->perdomain);
    d->owner.perdomain_entry = 0;
    left = d->owner.pages + d->owner.lent;
    if (left)
        printk(LOG_INFO, "Domain %u (%s): others have %u of its frames in use\n", d->id, d->name,
               left);
    dead_forget();
}
