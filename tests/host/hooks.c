/* SPDX-License-Identifier: MIT */
/* The hooks of the host build; see machine.h for what the tests do with them. */
#include "machine.h"

#include "mm/hv_map.h"

/* Words that this operation has read through hook_guest_read64(), for the second value. */
#define WORDS 4096u

struct machine_hooks hooks;
static const uint64_t *words[WORDS];
static unsigned words_read;
static bool interrupted;

void hooks_reset(void)
{
    hooks = (struct machine_hooks){ 0 };
    words_read = 0;
    interrupted = false;
}

bool hook_preempt(void)
{
    hooks.preempt_checks++;
    return hooks.preempt_at == ALWAYS || hooks.preempt_checks == hooks.preempt_at;
}

bool hook_fail(void)
{
    ghost_step();
    hooks.fallible_steps++;
    return hooks.fail_at == ALWAYS || hooks.fallible_steps == hooks.fail_at;
}

/*
 * A word of a table that is looked at: no writable translation may be left (I18). A second look may
 * see other accessed and dirty bits, which the CPU sets on its own.
 */
uint64_t hook_guest_read64(const uint64_t *word)
{
    uint64_t value = *(const volatile uint64_t *)word;

    ghost_read_check(word);
    if (!hooks.flip)
        return value;
    for (unsigned i = 0; i < words_read; i++)
        if (words[i] == word)
            return value ^ (PTE_A | PTE_D);
    assert_true(words_read < WORDS);
    words[words_read++] = word;
    return value;
}

void hook_shared_access(void)
{
    hooks.shared_accesses++;
    if (PT_INDEX_BITS <= 3)
        ghost_step();
    if (hooks.interrupt && !interrupted && hooks.shared_accesses == hooks.interrupt_at) {
        struct percpu *cpu = machine_this_cpu;

        interrupted = true;
        hooks.interrupt();
        machine_this_cpu = cpu;
    }
}

void hook_reschedule(void)
{
    struct percpu *cpu = machine_this_cpu;

    hooks.reschedules++;
    if (hooks.reschedules > 100000)
        fail_msg("cleanup does not come to an end");
    if (hooks.rescheduled)
        hooks.rescheduled();
    machine_this_cpu = cpu;
}
