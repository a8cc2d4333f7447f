/* SPDX-License-Identifier: MIT */
/*
 * The auditor: recounts every reference from the tables themselves and compares with the frame
 * table. Knows the rules (docs/architecture.md, "Invariants"), none of the code that keeps them.
 *
 * Runs with all CPUs standing still, between two requests or two pieces of one. Changes nothing.
 * Callers: dom/books.c, the host tests.
 */
#ifndef HV_PT_AUDIT_H
#define HV_PT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/frame.h"
#include "mm/owner.h"
#include "pt/page_type.h"

/* A reference that is not an entry of a table, a pin or a partial flag: the caller lists these. */
struct audit_ref {
    mfn_t mfn;
    enum page_type type; /* type reference that goes with the general one; PT_NONE = none */
    const char *what;    /* "kernel root", "GDT slot": for the log */
};

typedef void audit_visit_fn(void *arg, const struct audit_ref *ref);

/* Recounted references of one frame. */
struct audit_count {
    uint32_t refs;
    uint32_t types;
};

struct audit_roots {
    const struct audit_ref *refs; /* base pointers, descriptor slots, registered areas, … */
    unsigned refs_count;
    void (*more_refs)(audit_visit_fn *visit,
                      void *arg);       /* calls visit for each of more; 0 = none */
    const struct pt_work *const *works; /* pending cleanup of each vCPU */
    unsigned works_count;
    bool at_rest;             /* a vCPU is about to run guest code: no pending cleanup */
    const uint64_t *hv_slots; /* template of the hypervisor's slots, first to last */
    /* May tables of table_owner hold L1 entries to this frame of another owner's? 0 = never. */
    bool (*may_map)(uint16_t table_owner, mfn_t frame, bool writable);
    struct audit_count *scratch; /* frame_limit elements of work memory */
};

/* What one audit has found and counted. Starts as zeroes. */
struct audit {
    const struct audit_roots *roots;
    unsigned found;      /* differences */
    uint64_t tables;     /* counted tables and descriptor pages */
    uint64_t references; /* entries of tables and the caller's list */
    /* Where the pass over the frames is: the owner met last, and frames of each so far. */
    uint16_t owner;
    unsigned slot;
    uint32_t pages[OWNER_MAX + 1]; /* the last one: of owners that nobody knows */
};

/*
 * Checks counts, types, entries, descriptors, roots and accounts of the whole machine. Each
 * difference is a line on the log (the first 16 of an audit), with the name of the invariant.
 */
void audit_tables(struct audit *a);

/* Checks free frames: the allocator's blocks and lists, and that the M2P knows none of them. */
void audit_free(struct audit *a);

/* audit_tables() alone. Returns the number of differences: 0 means that every rule holds. */
unsigned audit_run(const struct audit_roots *roots);

/*
 * One difference: counted always, printed while there are few. where: what kind of thing is at fault,
 * at: which, as AUDIT_AT.
 */
void audit_differs(struct audit *a, const char *rule, const char *where, uint64_t at,
                   const char *what, uint64_t found, uint64_t expected);

/* Says how many differences were not printed. */
void audit_end(const struct audit *a);

/*
 * The quick audit, audit_sum.c: true if the sums of both sides agree. False means that audit_tables()
 * has something to say. Kept between two audits: what was summed up of pages not written to since.
 */
#define AUDIT_PAGE_FRAMES (PAGE_SIZE / sizeof(struct frame))

struct audit_table_sum {
    uint64_t sum, key; /* key 0: not known */
};
struct audit_page_sum { /* of one page of the frame table */
    uint64_t sum;
    uint64_t tables[AUDIT_PAGE_FRAMES / 64]; /* bit by bit: which frames are counted tables */
    bool known;
};
struct audit_sums {
    bool (*written)(
        const void *page);          /* since it was asked the last time; by whom does not matter */
    struct audit_table_sum *tables; /* frame_limit elements, zeroes at the start */
    struct audit_page_sum *pages;   /* one for each page of the frame table, likewise */
};
bool audit_sums_agree(struct audit_sums *s, const struct audit_roots *roots);

/* A number of a frame, domain or vCPU; or an entry of a frame. */
#define AUDIT_NO_SLOT       0xfffu
#define AUDIT_AT(n)         ((uint64_t)(n) << 12 | AUDIT_NO_SLOT)
#define AUDIT_SLOT(n, slot) ((uint64_t)(n) << 12 | (slot))

/* ---- what the auditor's files share ---- */

/* RAM of the hypervisor's, free, or no RAM: nobody may hold a reference. */
static inline bool audit_unowned(uint64_t ref_word)
{
    uint16_t owner = (uint16_t)(ref_word >> FRAME_OWNER_SHIFT);

    return owner == OWNER_NONE || owner == OWNER_IO || owner == OWNER_BIOS || owner == OWNER_HV;
}

/* Tables and descriptor pages in use: what of them is counted or checked. */
static inline bool audit_counted(uint64_t type_word)
{
    uint64_t type = (type_word & FRAME_TYPE_MASK) >> FRAME_TYPE_SHIFT;

    return type - PT_L1 <= PT_SEG - PT_L1 && (type_word & (FRAME_VALIDATED | FRAME_PARTIAL)) &&
           (type_word & FRAME_TYPE_COUNT);
}

/* The first slot of [slot, end) that does not begin a group of entries without content. */
static inline unsigned audit_skip_empty(const uint64_t *t, unsigned slot, unsigned end)
{
    while (slot + 4 <= end && !(t[slot] | t[slot + 1] | t[slot + 2] | t[slot + 3]))
        slot += 4;
    return slot;
}

#define AUDIT_LEAF_BITS                                                                     \
    (PTE_P | PTE_RW | PTE_U | PTE_A | PTE_D | PTE_G | PTE_AVAIL | PTE_AVAIL_HIGH | PTE_NX | \
     PTE_ADDR_MASK)

/* A present entry without the bits that it may not have, and with those that it must. */
static inline uint64_t audit_entry_bits(uint64_t pte, unsigned level)
{
    uint64_t good = (pte & AUDIT_LEAF_BITS) | PTE_U;

    if (level > PT_L1)
        return (good & ~PTE_G) | (level == PT_L4 ? PTE_A : 0);
    return good & (PTE_GUEST_KERNEL | PTE_G) ? good : good | PTE_G;
}

/* audit.c: which type, count and flags go together. */
bool audit_state_right(uint64_t type_word);

/* Counts what a table or descriptor page stands for, and checks its content. type_word: its own. */
void audit_page(struct audit *a, uint64_t n, uint64_t type_word);

bool audit_descriptors_right(uint64_t n);

/* Counts one reference on frame n, held by what is at `at`. */
void audit_count_ref(struct audit *a, const char *where, uint64_t at, uint64_t n, bool typed);

#endif
