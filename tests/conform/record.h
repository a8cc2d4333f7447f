/*
 * SPDX-License-Identifier: MIT
 *
 * record.h - the record: one line of text for each question put to the hypervisor.
 *
 *      ask("mmu_update/l1/frame/%s", name);
 *      tell_rc(mmu_update_one(ma, value));
 *      tell_pte("pte", *slot);
 *      told();
 *
 * gives `ask mmu_update/l1/frame/hole rc=-22 pte=0`. Two records, of two hypervisors, are compared
 * line by line: nothing in a line may depend on where the hypervisor put a frame, or on the time.
 * Frames are written by the name that record_name() gave them.
 */
#ifndef CONFORM_RECORD_H
#define CONFORM_RECORD_H

#include <abi/abi.h>

/* Starts a line, adds to it, ends it and prints it. Formats are kprint's. */
void ask(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void told(void);

/* Lines printed so far. */
extern unsigned int record_lines;

void tell_rc(long rc);

/* FRAME|FLAGS, `0`, or the number itself for what is not present and names no known frame. */
void tell_pte(const char *key, pte_t pte);

/* What the M2P holds for a frame: `own` when that is the PFN we know it by. */
void tell_m2p(mfn_t mfn, pfn_t pfn);

/* The frame is written as `name` from now on (a string that stays). */
void record_name(mfn_t mfn, const char *name);
void record_unname(mfn_t mfn);

/* Its name; `own` for an unnamed frame of this domain, `other` below the end of memory. */
const char *record_frame(mfn_t mfn);

#endif
