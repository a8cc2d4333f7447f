/* SPDX-License-Identifier: MIT */
/* The hooks of hv/config/hooks.h in the hands of a memory program. */
#include "memory.h"

#include <string.h>

#include "lib/printk.h"
#include "mm/hv_map.h"
#include "pt/page_type.h"

#define WORDS 256u /* remembered reads: a hash, an older one gives way */

struct op_hooks *strand_hooks;
unsigned long accesses;
bool hooks_eager;

static const void *words[WORDS];
static unsigned reschedules;
static uint64_t frame_read_last;

void hooks_start(void)
{
    accesses = 0;
    hooks_request();
}

void hooks_request(void)
{
    if (strand_hooks->flip)
        memset(words, 0, sizeof(words));
    reschedules = 0;
    frame_read_last = ~0ul;
}

bool hook_preempt(void)
{
    ghost_step();
    strand_hooks->preempt_checks++;
    return strand_hooks->preempt_at == ALWAYS ||
           strand_hooks->preempt_checks == strand_hooks->preempt_at;
}

/* The short ways have no step that fails: they decline, and the general way is taken. */
bool hook_fast(void)
{
    return !trace_on && !strand_hooks->fail_at;
}

bool hook_fail(void)
{
    return ++strand_hooks->fallible_steps == strand_hooks->fail_at;
}

static bool read_before(const void *word)
{
    const void **known = &words[((uintptr_t)word >> 3) % WORDS];
    bool before = *known == word;

    *known = word;
    return before;
}

uint64_t second_read(const void *word, uint64_t value)
{
    return strand_hooks->flip && read_before(word) ? ~value : value;
}

/*
 * A word of a table: no writable translation of its frame may be left (I6). A second look may see
 * other accessed and dirty bits, which the CPU sets on its own.
 */
uint64_t hook_guest_read64(const uint64_t *word)
{
    uint64_t value = *(const volatile uint64_t *)word;
    uint64_t n = frame_of_va(word).n;

    if (n != frame_read_last && n < FRAMES) {
        frame_read_last = n;
        ghost_read(n);
    }
    if (!strand_hooks->flip || !read_before(word))
        return value;
    return value ^ (PTE_A | PTE_D);
}

void hook_shared_access(void)
{
    accesses++;
    if (hooks_eager)
        ghost_step();
    race_access();
}

void hook_reschedule(void)
{
    if (++reschedules > 20000)
        fuzz_fail("cleanup does not come to an end");
    others_run();
}
