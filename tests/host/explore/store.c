/* SPDX-License-Identifier: MIT */
/* The set of states; see store.h. A slot is claimed first, then the state written, then published. */
#define _GNU_SOURCE
#include "store.h"

#include <sys/mman.h>

#define SLOT_EMPTY 0u
#define SLOT_TAKEN 1u /* being written; else 2 + number of the state */

struct store_shared *store;
static uint64_t capacity, mask;
static uint32_t *slots;
static state_code *codes;
static uint32_t *froms;
static uint16_t *hows;

static void *shared_memory(uint64_t bytes)
{
    void *p =
        mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? 0 : p;
}

bool store_start(uint64_t states)
{
    uint64_t buckets = 4096;

    while (buckets < states * 2)
        buckets *= 2;
    capacity = states;
    mask = buckets - 1;
    store = shared_memory(sizeof(*store));
    slots = shared_memory(buckets * sizeof(*slots));
    codes = shared_memory(states * sizeof(*codes));
    froms = shared_memory(states * sizeof(*froms));
    hows = shared_memory(states * sizeof(*hows));
    return store && slots && codes && froms && hows;
}

static uint64_t hash(state_code code)
{
    uint64_t h = (uint64_t)code * 0x9e3779b97f4a7c15 ^ (uint64_t)(code >> 64) * 0xc2b2ae3d27d4eb4f;

    h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9;
    return h ^ h >> 32;
}

static bool append(uint32_t *slot, state_code code, uint32_t from, uint16_t request)
{
    uint64_t n = __atomic_fetch_add(&store->count, 1, __ATOMIC_RELAXED);

    if (n >= capacity) {
        __atomic_fetch_sub(&store->count, 1, __ATOMIC_RELAXED);
        store->full = store->stop = 1;
        __atomic_store_n(slot, SLOT_EMPTY, __ATOMIC_RELEASE);
        return false;
    }
    codes[n] = code;
    froms[n] = from;
    hows[n] = request;
    __atomic_store_n(slot, (uint32_t)n + 2, __ATOMIC_RELEASE);
    return true;
}

bool store_insert(state_code code, uint32_t from, uint16_t request)
{
    for (uint64_t at = hash(code) & mask;;) {
        uint32_t seen = __atomic_load_n(&slots[at], __ATOMIC_ACQUIRE);

        if (seen == SLOT_EMPTY) {
            if (__atomic_compare_exchange_n(&slots[at], &seen, SLOT_TAKEN, false, __ATOMIC_ACQUIRE,
                                            __ATOMIC_RELAXED))
                return append(&slots[at], code, from, request);
            continue;
        }
        if (seen == SLOT_TAKEN) {
            __builtin_ia32_pause();
            continue;
        }
        if (codes[seen - 2] == code)
            return false;
        at = (at + 1) & mask;
    }
}

state_code store_code(uint64_t n)
{
    return codes[n];
}

uint32_t store_from(uint64_t n)
{
    return froms[n];
}

uint16_t store_request(uint64_t n)
{
    return hows[n];
}
