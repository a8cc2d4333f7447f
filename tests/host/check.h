/* SPDX-License-Identifier: MIT */
/* What the checks of the test machine keep beside it (check.c): for its start and its end. */
#ifndef TESTS_HOST_CHECK_H
#define TESTS_HOST_CHECK_H

/* Once there is a frame table; when it is no longer needed. */
void checks_begin(unsigned frames);
void checks_end(void);

/* Gives back what the test still holds. */
void holds_end(void);

#endif
