/*
 * SPDX-License-Identifier: MIT
 *
 * random_draw.h - draws: numbers, and the fields of operations.
 */
#ifndef CONFORM_RANDOM_DRAW_H
#define CONFORM_RANDOM_DRAW_H

#include "sequence_op.h"

/* Flags of entries as operations have them. */
#define F_P     0x001U
#define F_RW    0x002U
#define F_U     0x004U
#define F_CACHE 0x098U /* PWT, PCD, PS */
#define F_AD    0x060U
#define F_NX    0x4000U
#define TABLE   (F_P | F_RW | F_U | F_AD)

enum { LAST_PLACE = 6 }; /* the slots of an L4 behind these are the hypervisor's */

/* The sequence that is being drawn. */
extern struct draw {
    uint64_t state;
    uint64_t *words;
    unsigned int count, most;
    /* Beliefs: the tables of the latest tree, where it is hooked, the root that is loaded. */
    unsigned int l1, l2, l3, root;
    unsigned int place;
    unsigned int pinned; /* the frame of the latest pin */
} draw;

uint64_t draw_next(void);
unsigned int draw_below(unsigned int n);

/* True `n` times in a hundred. */
bool draw_percent(unsigned int n);

/* Appends an operation, while there is room. */
void draw_emit(struct op op);

/* A frame of the arena whose role is that of a table of `level`; 0: data. */
unsigned int draw_frame(unsigned int level);

/* Any frame of the arena, sometimes another one with a name. */
unsigned int draw_any_frame(void);

/* The level of a frame's role; data counts as 1: it is what an L1 looks like before it is one. */
unsigned int draw_level(unsigned int frame);

/* An address; usually one under the latest tree. */
unsigned int draw_place(void);
unsigned int draw_live_place(void);

/* Flags of an entry of `level`, mostly legal. */
unsigned int draw_flags(unsigned int level);

/* Fills in what an entry of a table of `level` names, and its flags. */
void draw_entry(struct op *op, unsigned int level);

#endif
