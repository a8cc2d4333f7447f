/*
 * SPDX-License-Identifier: MIT
 *
 * random_ops.h - sequences of operations from a seed.
 *
 * Operation number i of sequence n depends on nothing but the seed, n and i's forerunners: not on
 * what a hypervisor answers. So both sides draw the same, and any part can be repeated alone.
 */
#ifndef CONFORM_RANDOM_OPS_H
#define CONFORM_RANDOM_OPS_H

#include <stdint.h>

#define RANDOM_OPS_MAX 32U

/* Fills words[] with sequence `number`; result: how many. */
unsigned int random_ops(uint64_t seed, uint64_t number, uint64_t words[RANDOM_OPS_MAX]);

#endif
