/*
 * SPDX-License-Identifier: MIT
 *
 * sequence.c - sequences of requests made from a seed.
 */
#include "sequence.h"

#include "kprint.h"

void sequence_run(const char *options)
{
    kprint("sequence: %s\n", options);
}
