/*
 * SPDX-License-Identifier: MIT
 *
 * sequence_text.h - the answers of a sequence: lines of text, and their hash.
 *
 * A line holds nothing that depends on where a hypervisor put a frame, or on the time; so the hash of
 * all lines of a sequence is the same wherever the answers are. Lines are printed only on demand: the
 * serial line would be the slowest part of a run.
 */
#ifndef CONFORM_SEQUENCE_TEXT_H
#define CONFORM_SEQUENCE_TEXT_H

#include <abi/abi.h>

/* True: print each line. */
extern bool text_verbose;

/* Forgets the hash. */
void text_begin(void);

/* Adds to the line; formats are kprint's. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* `rc=` and a signed number. */
void say_rc(const char *key, long rc);

/* Ends the line: into the hash, and printed behind `label` when verbose. */
void said(const char *label);

/* Of all lines since text_begin. */
uint64_t text_hash(void);

#endif
