/* SPDX-License-Identifier: MIT */
/*
 * Two requests at the same time: the second one runs on a stack of its own and the two change places
 * at shared accesses, where another CPU's step can fall in. At most two changes are the program's
 * choice; beyond them a strand gives way only when it seems to wait for the other one.
 */
#include "memory.h"

#include <ucontext.h>

#define STACK_BYTES (256u << 10)
#define SPINS       600u     /* accesses after which a strand may be waiting */
#define TURNS_MAX   1000000u /* accesses after which the two wait for each other */

/* The sanitizer's own, when it is there: the stack is about to change, has changed. */
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size)
    __attribute__((weak));
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *size)
    __attribute__((weak));

struct strand {
    ucontext_t context;
    const void *stack;
    size_t stack_bytes;
    struct percpu *cpu;
    struct op_hooks *hooks;
};

static enum { RACE_NONE, RACE_ARMED, RACE_ON } race;
static struct strand first, second;
static struct strand *here;
static bool second_ended, first_ended;
static unsigned countdown, turn, turn_limit, run_limit;
static unsigned long turns;
static uint8_t stack[STACK_BYTES] __attribute__((aligned(64)));

bool race_under_way(void)
{
    return race == RACE_ON;
}

static void strand_switch(struct strand *from, struct strand *to)
{
    void *fake = 0;
    const void *bottom;
    size_t bytes;

    from->cpu = machine_this_cpu;
    from->hooks = strand_hooks;
    machine_this_cpu = to->cpu;
    strand_hooks = to->hooks;
    here = to;
    turn = 0;
    ghost_step();
    if (__sanitizer_start_switch_fiber)
        __sanitizer_start_switch_fiber(&fake, to->stack, to->stack_bytes);
    swapcontext(&from->context, &to->context);
    if (__sanitizer_finish_switch_fiber)
        __sanitizer_finish_switch_fiber(fake, &bottom, &bytes);
}

static void second_main(void)
{
    if (__sanitizer_finish_switch_fiber)
        __sanitizer_finish_switch_fiber(0, &first.stack, &first.stack_bytes);
    program_step();
    second_ended = true;
    strand_switch(&second, &first);
}

static void second_begin(void)
{
    race = RACE_ON;
    second_ended = first_ended = false;
    turns = 0;
    turn_limit = run_limit;
    second.cpu = machine_this_cpu;
    second.hooks = strand_hooks;
    second.stack = stack;
    second.stack_bytes = STACK_BYTES;
    getcontext(&second.context);
    second.context.uc_stack.ss_sp = stack;
    second.context.uc_stack.ss_size = STACK_BYTES;
    second.context.uc_link = 0;
    makecontext(&second.context, second_main, 0);
    strand_switch(&first, &second);
}

void race_arm(unsigned at, unsigned run_for)
{
    race = RACE_ARMED;
    here = &first;
    countdown = at;
    run_limit = run_for;
}

void race_disarm(void)
{
    if (race == RACE_ARMED)
        race = RACE_NONE;
}

void race_access(void)
{
    if (race == RACE_NONE)
        return;
    if (race == RACE_ARMED) {
        if (!countdown--)
            second_begin();
        return;
    }
    ghost_step();
    if (++turns > TURNS_MAX)
        fuzz_fail("two CPUs wait for each other");
    if (++turn < turn_limit || (here == &first ? second_ended : first_ended))
        return;
    turn_limit = SPINS;
    if (here == &first)
        strand_switch(&first, &second);
    else
        strand_switch(&second, &first);
}

void race_finish(void)
{
    if (race == RACE_ON) {
        first_ended = true;
        if (!second_ended)
            strand_switch(&first, &second);
        fuzz_assert(second_ended);
    }
    race = RACE_NONE;
}
