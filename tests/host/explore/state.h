/* SPDX-License-Identifier: MIT */
/*
 * One state of the small machine, without what can be computed from it: counts follow from entries,
 * pins and roots (the auditor has compared them), and what an untyped page holds is open until it is
 * read, because its guest can write what it likes.
 *
 * A code is a state in 128 bits, without loss: two states have the same code only if they are the
 * same. The canonical code is the least over the names of the frames that can be exchanged.
 */
#ifndef TESTS_HOST_EXPLORE_STATE_H
#define TESTS_HOST_EXPLORE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define FRAMES_MAX 5u
#define SLOTS      2u  /* entries of a table */
#define NOBODY     15u /* a root or parked frame that is not there */
#define PARKED_MAX 2u

#define GRANT_REFS    2u /* entries of the granter's that requests name */
#define GRANT_HANDLES 3u /* of the mapper's, live at the same time */

/* Numbers of entries: none, frame g read-only or (the only way above L1) writable, a refused one. */
#define ENTRY_NONE      0u
#define ENTRY_OF(g, rw) (1u + 2u * (g) + (rw))
#define ENTRY_FRAME(e)  (((e)-1u) / 2u)
#define ENTRY_RW(e)     (((e)-1u) & 1u)
#define ENTRY_BAD       15u

struct state_frame {
    uint8_t owner; /* 0 = free, else 1 + number of the domain */
    uint8_t allocated, type, pinned, validated, partial, next;
    uint8_t entry[SLOTS]; /* of a validated table; of a partial one up to entry `next` */
    uint8_t leaf;         /* in the ghost TLB: 0, 1 read-only, 2 writable */
    uint8_t table;        /* in the ghost TLB: bit n - 1, as a table of level n */
    uint8_t segment;      /* a descriptor slot holds a reference */
    uint8_t dated;        /* idle or free, and not flushed since; type says as what */
};

struct state {
    struct state_frame frame[FRAMES_MAX];
    uint8_t kernel_root, user_root; /* of vCPU 0; NOBODY = the home root, or none */
    uint8_t parked[PARKED_MAX];     /* of each vCPU: frame whose demotion it waits to finish */
    uint8_t grant[GRANT_REFS];      /* frame of an entry that is in use, or NOBODY */
    uint8_t handle[GRANT_HANDLES];  /* live ones, HANDLE_*, greatest first; 0 = none */
};

typedef unsigned __int128 state_code;

/* General and type references of each frame, recounted. */
struct state_counts {
    uint8_t refs[FRAMES_MAX], types[FRAMES_MAX];
};
void state_count(const struct state *s, struct state_counts *c);

/* The hypervisor's slots are no requests' business, nor part of a state. */
bool state_slot_is_hv(unsigned level, unsigned slot);

/* True if entry `slot` of the frame holds references, or names what an interrupted walk is at. */
bool state_entry_known(const struct state_frame *f, unsigned slot);
bool state_entry_counted(const struct state_frame *f, unsigned slot);

state_code state_pack(const struct state *s);
void state_unpack(state_code code, struct state *s);

/* The canonical code; name[g] is what frame g is called in it (name may be 0). */
state_code state_canonical(const struct state *s, uint8_t *name);

/* state_install.c: makes the small machine be in this state, and reads its state back. */
void state_install(const struct state *s);
void state_observe(struct state *s);

#endif
