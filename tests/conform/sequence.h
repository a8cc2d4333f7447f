/*
 * SPDX-License-Identifier: MIT
 *
 * sequence.h - sequences of requests, drawn from a seed or spelt out.
 *
 * Words of the command line:
 *
 *      seed=S from=N count=C    sequences N..N+C-1, one line `seq NUMBER HASH` each
 *      seed=S pick=N:MASK,...   sequence N, only the operations whose bits are set (hexadecimal)
 *      ops=W.W.W,W.W            operations as words (hexadecimal), a sequence each, numbered from 0
 *      verbose                  operations and answers too
 */
#ifndef CONFORM_SEQUENCE_H
#define CONFORM_SEQUENCE_H

/* Runs what the command line asks for. */
void sequence_run(void);

#endif
