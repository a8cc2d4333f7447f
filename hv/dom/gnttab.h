/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1: what a domain lets others do with its frames, and what it does with theirs.
 *
 * shared    entries in frames that the guest writes to (FRAME_HV_SHARED): flags, domid, frame
 * active    the hypervisor's side of an entry while it is in use: frame and domain as they were when
 *           it was pinned first, and how many uses there are. The guest may write what it likes
 *           into the shared entry meanwhile: an entry in use is what the active one says.
 * handles   the mappings that this domain has of others' frames (its own included)
 *
 * Who holds the references on a granted frame: of a host mapping, the entry of the page table, as of
 * any entry; of a device mapping, the handle; of a copy, the copy while it is made.
 *
 * Invariant: the pins of an active entry are the live handles that name it, by kind. Lock order:
 * handles_lock of the mapping domain, a frame's type, lock of the granting domain.
 * Callers: pv/grant_*.c; dom/build.c, dom/domain.c, dom/teardown.c; dom/books.c.
 */
#ifndef HV_DOM_GNTTAB_H
#define HV_DOM_GNTTAB_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/abi.h"
#include "lib/spinlock.h"
#include "mm/frame.h"
#include "pt/audit.h"

#include <xen/grant_table.h>

#define GNTTAB_FRAMES_DEFAULT 64u
#define GNTTAB_FRAMES_MAX     128u
#define GNTTAB_PER_FRAME      (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define GNTTAB_ACTIVE         (PAGE_SIZE / sizeof(struct grant_active)) /* in a page */
#define GNTTAB_HANDLES        (PAGE_SIZE / sizeof(struct grant_handle))
/* Handles of a domain: as many as Xen's default of 1024 frames holds. */
#define GNTTAB_HANDLE_PAGES   512u
#define GNTTAB_NO_HANDLE      (~0u)

/* Uses of an entry: four counters in one word. The top bit of each is never reached twice. */
#define GRANT_HOST_WRITE (1u << 0)
#define GRANT_DEV_WRITE  (1u << 8)
#define GRANT_HOST_READ  (1u << 16)
#define GRANT_DEV_READ   (1u << 24)
#define GRANT_WRITERS    0x0000ffffu
#define GRANT_FULL       0x80808080u

struct domain;

struct grant_active {
    uint32_t pins;
    uint16_t domid; /* who uses it, while pins is not 0 */
    mfn_t frame;
};
_Static_assert(sizeof(struct grant_active) == 16, "two pages for a shared frame");

struct grant_handle {
    uint32_t ref;   /* free: the next free handle */
    uint16_t domid; /* who granted */
    uint16_t flags; /* GNTMAP_* of what is still mapped; 0 = free */
};
_Static_assert(sizeof(struct grant_handle) == 8, "512 in a page");

struct gnttab {
    struct spinlock growing; /* taken before all others: frames beyond the last one */
    struct spinlock lock;    /* shared, active, frames */
    unsigned frames;
    unsigned in_use; /* active entries with pins */
    grant_entry_v1_t *shared[GNTTAB_FRAMES_MAX];
    struct grant_active *active[GNTTAB_FRAMES_MAX * 2];

    struct spinlock handles_lock;
    unsigned handle_pages;
    unsigned handles;                   /* live ones */
    uint32_t handle_first, handle_last; /* free ones, in the order of their release */
    struct grant_handle **handle_page;  /* a page of pointers */
};
_Static_assert(sizeof(struct gnttab) <= PAGE_SIZE, "allocated as one page");

/* To how many frames a table may grow: gnttab_max_frames=, up to GNTTAB_FRAMES_MAX. */
extern unsigned gnttab_frames_limit;

/* A table with its first frame. False when out of memory. */
bool gnttab_create(struct domain *d);

/* The table has this many frames at least. False: out of memory, nothing changed. */
bool gnttab_grow(struct domain *d, unsigned frames);

/*
 * The builder writes one of the reserved entries (GNTTAB_RESERVED_*): domid may map the frame of d's,
 * to write to it. Before the guest runs.
 */
void gnttab_reserve(struct domain *d, uint32_t ref, uint16_t domid, mfn_t frame);

/*
 * d dies: gives up its handles, with the references that they hold; entries of page tables go with
 * the tables. d's vCPUs have stopped. In pieces: false, with more to do, after each.
 */
bool gnttab_unmap_all(struct domain *d);

/* Nobody uses an entry of d's table any more. */
bool gnttab_idle(const struct domain *d);

/* Gives back the table itself. It is idle, and has no live handles. */
void gnttab_destroy(struct domain *d);

/*
 * The domain with this number even while it is dead with its frames still in use; 0 if there is
 * none.
 */
struct domain *gnttab_domain(uint16_t domid);

/* ---- entries: gnttab_entry.c ---- */

/* The entry, 0 if the table does not reach that far. gt->lock is held, or nobody else is there. */
static inline struct grant_active *gnttab_active(const struct gnttab *gt, uint32_t ref)
{
    if (ref >= gt->frames * GNTTAB_PER_FRAME)
        return 0;
    return &gt->active[ref / GNTTAB_ACTIVE][ref % GNTTAB_ACTIVE];
}

static inline uint64_t *gnttab_shared(const struct gnttab *gt, uint32_t ref)
{
    return (uint64_t *)&gt->shared[ref / GNTTAB_PER_FRAME][ref % GNTTAB_PER_FRAME];
}

struct grant_use {
    struct domain *granter;
    uint32_t ref;
    uint16_t domid; /* who wants to use it */
    uint32_t pins;  /* GRANT_*, one or two kinds */
    bool copy;      /* for a copy: other rules for the flags, another status */
    mfn_t frame;    /* out */
};

/*
 * Pins an entry: checks it, marks it in use and takes one general reference on its frame. GNTST_okay,
 * or the status that the guest is told, with the reason recorded and nothing changed.
 */
int grant_pin(struct grant_use *u);

/* Takes the pins off again, and then the marks that nobody needs any more. Not the reference. */
void grant_unpin(struct domain *granter, uint32_t ref, uint32_t pins);

/* GNTTABOP_swap_grant_ref of two entries that are not in use. Status as above. */
int grant_swap(struct domain *d, uint32_t a, uint32_t b);

/* Whether domain domid uses an entry of granter's for this frame, for writing if so wanted. */
bool grant_used(const struct domain *granter, uint16_t domid, mfn_t frame, bool writable);

/* ---- handles: gnttab_handle.c ---- */

/* A free handle, reserved, or GNTTAB_NO_HANDLE: out of memory or of handles. */
uint32_t grant_handle_take(struct gnttab *gt);

/* The reserved one becomes live. */
void grant_handle_set(struct gnttab *gt, uint32_t handle, uint16_t domid, uint32_t ref,
                      uint16_t flags);

/* A reserved one was not needed: it is the next to be taken. */
void grant_handle_return(struct gnttab *gt, uint32_t handle);

/* A live one becomes free. As of all that follows: handles_lock is held, or nobody else is there. */
void grant_handle_free(struct gnttab *gt, uint32_t handle);

/* A live handle, or 0. handles_lock is held, or nobody else is there. */
struct grant_handle *grant_handle_find(const struct gnttab *gt, uint32_t handle);

/* The pins that parts (GNTMAP_device_map, GNTMAP_host_map) of a mapping with these flags stand for. */
static inline uint32_t grant_pins(uint32_t parts, uint32_t flags)
{
    bool ro = flags & GNTMAP_readonly;

    return (parts & GNTMAP_device_map ? (ro ? GRANT_DEV_READ : GRANT_DEV_WRITE) : 0) +
           (parts & GNTMAP_host_map ? (ro ? GRANT_HOST_READ : GRANT_HOST_WRITE) : 0);
}

/* ---- the audit: gnttab_books.c ---- */

/* What d's table and handles hold. */
void gnttab_holds(const struct domain *d, audit_visit_fn *visit, void *arg);

/* Whether pins and handles of the domains from first on agree. */
void gnttab_audit(struct audit *a, const struct domain *first);

/* Whether table_owner's tables may map this frame of another domain's: by a grant, or by privilege. */
bool gnttab_may_map(uint16_t table_owner, mfn_t frame, bool writable);

#endif
