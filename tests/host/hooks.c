/* SPDX-License-Identifier: MIT */
/* The hooks of the host build; see machine.h for what the tests do with them. */
#include "machine.h"

#include <stdlib.h>

#include "mm/hv_map.h"

/* Words that this operation has read through hook_guest_read64(), for the second value. */
#define WORDS 4096u

struct machine_hooks hooks;
static const uint64_t *words[WORDS];
static unsigned words_read;
static bool interrupted;
static jmp_buf waiting;

#define SPINS_MAX 2000u

void hooks_reset(void)
{
    hooks = (struct machine_hooks){ 0 };
    words_read = 0;
    interrupted = false;
}

static void work_done(void)
{
    if (++hooks.work > hooks.longest_work)
        hooks.longest_work = hooks.work;
}

bool hook_preempt(void)
{
    hooks.work = 0;
    hooks.preempt_checks++;
    return hooks.preempt_at == ALWAYS || hooks.preempt_checks == hooks.preempt_at;
}

/* The short ways have no step that fails: they decline, and the general way is taken. */
bool hook_fast(void)
{
    return !hooks.general && !hooks.fail_at;
}

bool hook_fail(void)
{
    if (PT_INDEX_BITS <= 3)
        ghost_step();
    hooks.fallible_steps++;
    return hooks.fail_at == ALWAYS || hooks.fallible_steps == hooks.fail_at;
}

/*
 * A word of a table that is looked at: no writable translation may be left (I6). A second look may
 * see other accessed and dirty bits, which the CPU sets on its own.
 */
uint64_t hook_guest_read64(const uint64_t *word)
{
    uint64_t value = *(const volatile uint64_t *)word;

    work_done();
    ghost_read_check(word);
    if (!hooks.flip)
        return value;
    for (unsigned i = 0; i < words_read; i++) {
        if (words[i] != word)
            continue;
        hooks.table_rereads++;
        return value ^ (PTE_A | PTE_D);
    }
    assert_true(words_read < WORDS);
    words[words_read++] = word;
    return value;
}

/*
 * Another CPU's whole operation falls in here. It may have to wait for what this CPU has locked: then
 * it has not happened, as it would have to start later.
 */
static void interrupt_run(void)
{
    struct percpu *cpu = machine_this_cpu;
    struct machine_hooks saved = hooks;
    struct snapshot *before = snapshot_take();
    void *ghosts = ghost_save();

    interrupted = true;
    machine_checks_off = true;
    hooks.preempt_at = hooks.fail_at = 0;
    hooks.shared_accesses = 0;
    if (setjmp(waiting)) {
        snapshot_restore(before);
        ghost_restore(ghosts);
        saved.waited = true;
    } else {
        saved.interrupt();
        free(ghosts);
    }
    snapshot_free(before);
    machine_checks_off = false;
    hooks = saved;
    machine_this_cpu = cpu;
}

void hook_shared_access(void)
{
    hooks.shared_accesses++;
    work_done();
    if (machine_checks_off && hooks.shared_accesses > SPINS_MAX)
        longjmp(waiting, 1);
    if (PT_INDEX_BITS <= 3)
        ghost_step();
    if (hooks.interrupt && !interrupted && hooks.shared_accesses == hooks.interrupt_at)
        interrupt_run();
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
