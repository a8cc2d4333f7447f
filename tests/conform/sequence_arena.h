/*
 * SPDX-License-Identifier: MIT
 *
 * sequence_arena.h - the frames that sequences play with, and how they are put back.
 *
 * Each frame of the arena has a window, an address of its own that starts as its one writable mapping
 * and that sequences change, and a view, a read-only mapping in a table that sequences cannot reach:
 * so its contents can be read whatever becomes of it. Frames are written by name, never by number.
 *
 * Invariant between sequences: every frame of the arena is zero, owned, unpinned, without type but
 * "writable", mapped by its window and its view alone; the home root is loaded, there is no user
 * root, no GDT, no LDT. arena_reset() brings it about and says what it could not.
 */
#ifndef CONFORM_SEQUENCE_ARENA_H
#define CONFORM_SEQUENCE_ARENA_H

#include <abi/abi.h>

/* Frames by number, as in the words of operations (sequence_op.h). Tables by role, then data. */
enum {
    ARENA_L1, /* three of them */
    ARENA_L2 = 3,
    ARENA_L3 = 5,
    ARENA_L4 = 7,
    ARENA_DATA = 9,
    ARENA_DESC = 13,
    ARENA_SPARE = 15,
    ARENA_FRAMES,
    ARENA_HOME = 16, /* the root that is loaded between sequences */
    ARENA_PLAIN,     /* a page with a writable mapping nobody can remove */
    ARENA_FIXED_L1,  /* tables with the windows: only entries that nobody needs are written to */
    ARENA_FIXED_L3,
    ARENA_HYPERVISOR, /* a frame of the hypervisor's */
    ARENA_INVALID,    /* the all-ones frame */
    ARENA_NAMED,
};

/* Frames whose contents are part of the answers. */
#define ARENA_SEEN (ARENA_FIXED_L1 + 1)

/* The entries of a table that sequences use; in an L4 the last two are the hypervisor's. */
#define ARENA_SLOTS 8
extern const uint16_t arena_slot[ARENA_SLOTS];

/* Finds the frames and maps them; once. */
void arena_init(void);

/* Any of the named frames; the invalid one for a number beyond. */
mfn_t arena_mfn(unsigned int frame);
const char *arena_name(unsigned int frame);

/* The PFN by which the M2P should know it. */
pfn_t arena_pfn(unsigned int frame);

uint64_t arena_window(unsigned int frame);

/* An entry of a seen frame as it is now, by index into arena_slot; all 512 by arena_table. */
pte_t arena_entry(unsigned int frame, unsigned int slot);
const volatile pte_t *arena_table(unsigned int frame);

/* True when loading the frame as root leaves the kernel where it is. */
bool arena_root_usable(unsigned int frame);

/* The L4 slots that a root must share with the home root; result: how many. */
unsigned int arena_kernel_slots(const uint16_t **slots);

/* Frames that were given back to the hypervisor in this sequence. */
bool arena_given(unsigned int frame);
void arena_give(unsigned int frame, bool forget);

/* True for a frame number that had a name in this sequence, now or before. */
bool arena_known(mfn_t mfn);

/* Takes a mapping away for a moment, and puts it back: an exchange wants a frame without any. */
void arena_hide(unsigned int frame);
void arena_show(unsigned int frame);

/* The name of the frame is another one's now; its window becomes writable, the page zero. */
void arena_replace(unsigned int frame, mfn_t mfn);

/* Frames that had a name in this sequence, by number; MFN_NONE behind the last. */
mfn_t arena_past(unsigned int n);

/* Says an entry, with its frame by name. */
void say_pte(pte_t pte);

/*
 * From here on, accessed bits are left out: a hypervisor may go by the tables to find an entry, as real
 * Xen does; or also dirty bits: what an access sets depends on the TLB.
 */
void arena_walked(void);
void arena_touched(void);

/* The request leaves an entry its accessed and dirty bits, whatever it makes of the rest. */
void arena_inherits(unsigned int frame, unsigned int slot);

/* Begins a sequence; says what changed since the last time; ends: rights and pins of all frames. */
void arena_begin(void);
void arena_changes(void);
void arena_census(void);
bool arena_reset(void);

#endif
