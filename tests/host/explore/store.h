/* SPDX-License-Identifier: MIT */
/*
 * All states found, in the order of their depth, in memory that the workers share. A set by open
 * addressing over an array of codes; the array is the queue of the search as well.
 */
#ifndef TESTS_HOST_EXPLORE_STORE_H
#define TESTS_HOST_EXPLORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "state.h"

#define STORE_FULL  1
#define WORKERS_MAX 16u

/* What one worker has counted. */
struct store_counts {
    uint64_t transitions; /* runs of a request */
    uint64_t refused, failed, preempted;
    uint32_t state; /* at which it is */
    uint16_t request;
};

struct store_shared {
    uint64_t count; /* states */
    uint64_t next;  /* first state of this level that no worker has taken */
    uint64_t end;   /* of this level */
    uint32_t stop;  /* asked to stop, or no memory for more states */
    uint32_t full;
    uint32_t found; /* a violation: its state, request and text */
    uint32_t found_state;
    uint32_t found_request;
    char found_text[4096];
    struct store_counts worker[WORKERS_MAX];
};
extern struct store_shared *store;

/* Room for that many states; false if there is no memory for them. */
bool store_start(uint64_t capacity);

/* True if the code is new. from and request: how it was reached. */
bool store_insert(state_code code, uint32_t from, uint16_t request);

state_code store_code(uint64_t n);
uint32_t store_from(uint64_t n);
uint16_t store_request(uint64_t n);

#endif
