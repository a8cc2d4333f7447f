/* SPDX-License-Identifier: MIT */
/*
 * What every fuzz target gives and gets. A target is linked with libFuzzer (make fuzz), or with
 * replay.c, which runs kept inputs (make test) and prints them.
 */
#ifndef TESTS_HOST_FUZZ_FUZZ_H
#define TESTS_HOST_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The target: runs one input; ends the process on a finding. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The same, while it prints what the input means and what comes of each step. */
void fuzz_describe(const uint8_t *data, size_t size);

/* Frames whose address somebody got (config/frame_va.h): bit n, of the first 64. */
extern uint64_t machine_touched;

/* True within fuzz_describe(). */
extern bool fuzz_verbose;

/* A finding: says what is wrong, and at which step if a target has steps; does not return. */
void fuzz_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define fuzz_assert(condition) \
    ((condition) ? (void)0 : fuzz_fail("%s:%d: %s", __FILE__, __LINE__, #condition))

/*
 * Counts what a target did, inputs and their steps, where FUZZ_COUNTS names a file: two 64-bit
 * numbers, added to for as long as the file is kept, also by several processes.
 */
void fuzz_count(uint64_t steps);

/* Set by targets with steps: says in words which one it is, for fuzz_fail(). */
extern void (*fuzz_where)(char *text, size_t size);

#endif
