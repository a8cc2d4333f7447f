/*
 * SPDX-License-Identifier: MIT
 *
 * sequence.c - runs sequences one after the other, each from the same beginning.
 */
#include "sequence.h"

#include "random_ops.h"
#include "sequence_arena.h"
#include "sequence_op.h"
#include "sequence_text.h"

#include "cmdline.h"
#include "guest.h"
#include "hypercall.h"
#include "kprint.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 1024U

static uint64_t seed;

/* True when everything could be put back. */
static bool play(uint64_t number, const uint64_t *words, const uint8_t *index, unsigned int count)
{
    bool clean;

    text_begin();
    arena_begin();
    ops_run(words, index, count);
    say("end");
    arena_census();
    said("answer ");
    say("reset");
    clean = arena_reset();
    said("answer ");
    kprint("seq %lu %016lx%s\n", number, text_hash(), clean ? "" : " stuck");
    return clean;
}

static bool play_random(uint64_t number, uint64_t mask)
{
    uint64_t drawn[RANDOM_OPS_MAX], words[RANDOM_OPS_MAX];
    uint8_t index[RANDOM_OPS_MAX];
    unsigned int n = random_ops(seed, number, drawn), count = 0;

    for (unsigned int i = 0; i < n; i++) {
        if (!(mask >> i & 1))
            continue;
        index[count] = (uint8_t)i;
        words[count++] = drawn[i];
    }
    return play(number, words, index, count);
}

static bool play_picked(const char *list)
{
    while (*list) {
        char *end;
        uint64_t number = strtoul(list, &end, 10), mask = ~0UL;

        if (*end == ':')
            mask = strtoul(end + 1, &end, 16);
        if (!play_random(number, mask))
            return false;
        list = *end ? end + 1 : end;
    }
    return true;
}

static bool play_spelt(const char *list)
{
    for (uint64_t number = 0; *list; number++) {
        uint64_t words[RANDOM_OPS_MAX];
        uint8_t index[RANDOM_OPS_MAX];
        unsigned int count = 0;
        char *end = (char *)list;

        do {
            words[count] = strtoul(list, &end, 16);
            index[count] = (uint8_t)count;
            count++;
            list = end + 1;
        } while (*end == '.' && count < RANDOM_OPS_MAX);
        if (!play(number, words, index, count))
            return false;
        list = *end ? end + 1 : end;
    }
    return true;
}

static bool play_range(uint64_t from, uint64_t count)
{
    for (uint64_t n = 0; n < count; n++)
        if (!play_random(from + n, ~0UL))
            return false;
    return true;
}

static uint64_t number_option(const char *name, uint64_t otherwise)
{
    char value[32];

    return cmdline_get(name, value, sizeof(value)) ? strtoul(value, NULL, 0) : otherwise;
}

void sequence_run(void)
{
    static char list[WORDS_MAX];
    bool clean;

    guest_vcpu_info()->evtchn_upcall_mask = 1;
    if (hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables))
        guest_panic("sequence: no writable page tables");
    arena_init();
    text_verbose = cmdline_flag("verbose");
    seed = number_option("seed", 1);
    if (cmdline_get("pick", list, sizeof(list)))
        clean = play_picked(list);
    else if (cmdline_get("ops", list, sizeof(list)))
        clean = play_spelt(list);
    else
        clean = play_range(number_option("from", 0), number_option("count", 1));
    kprint("Test result: %s\n", clean ? "SUCCESS" : "FAILURE");
}
