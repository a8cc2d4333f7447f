/* SPDX-License-Identifier: MIT */
/* The shortest program that leads to a state, or to a violation, for a reader. */
#ifndef TESTS_HOST_EXPLORE_PROGRAM_H
#define TESTS_HOST_EXPLORE_PROGRAM_H

#include <stdint.h>

/* Prints the way from the start to state n of the store, and then this request's choices under way. */
void program_print(uint64_t n);
/* One more step: the request with the choices that its run has made. */
void program_print_last(unsigned request);
/* What the texts of violations call the frames that the program has letters for. */
void program_print_names(void);

#endif
