/*
 * SPDX-License-Identifier: MIT
 *
 * sequence.h - sequences of requests made from a seed.
 */
#ifndef CONFORM_SEQUENCE_H
#define CONFORM_SEQUENCE_H

/* Runs what the command line `options` asks for; main.c calls it when there is a word seed= or count=. */
void sequence_run(const char *options);

#endif
