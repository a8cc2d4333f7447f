/* SPDX-License-Identifier: MIT */
/*
 * Random programs of a hostile guest with two vCPUs: tables made of whatever frames there are, pinned,
 * unpinned, loaded, changed, given back, while requests are preempted and other CPUs' requests fall
 * in between. No result is expected but that every rule holds after every step.
 *
 * A failure prints its seed; RANDOM_SEED=n runs that program alone, RANDOM_PROGRAMS=n more of them.
 */
#include "machine.h"

#include <stdlib.h>

#include "mm/tlb.h"
#include "pv/mmu_update.h"

#define POOL  12u /* frames that a program plays with */
#define STEPS 60u
#define SMALL (PT_ENTRIES < 4 ? PT_ENTRIES : 4)

static uint64_t seed;
static mfn_t pool[POOL];
static bool within; /* another CPU's step is running */

static unsigned pick(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 32) % n;
}

static mfn_t any_frame(void)
{
    unsigned n = pick(20);

    return n < 16 ? pool[pick(POOL)] : n == 16 ? mfn_of(pick(3)) : mfn_of(pick(70));
}

static uint64_t any_entry(void)
{
    static const uint64_t flags[] = { LEAF_RO,        LEAF_RW,          BRANCH, PTE_P,
                                      PTE_P | PTE_RW, BRANCH & ~PTE_RW, BRANCH, LEAF_RW | PTE_NX };
    uint64_t pte = pte_make(any_frame(), flags[pick(8)]);

    if (pick(12) == 0)
        pte ^= 1ul << pick(64);
    return pick(6) ? pte : 0;
}

/* Most tables use their first slots, so that entries meet. */
static unsigned any_slot(void)
{
    return pick(10) ? pick(SMALL) : pick(PT_ENTRIES);
}

/* A page that the guest may write is filled: tables in the making. */
static void write_page(void)
{
    mfn_t mfn = pool[pick(POOL)];

    if (page_get_typed(mfn, machine_guest.id, PT_WRITABLE))
        return;
    for (unsigned i = pick(4); i-- > 0;)
        ((uint64_t *)frame_va(mfn))[any_slot()] = any_entry();
    page_put_typed(mfn);
    machine_check("guest writes");
}

/* A frame is given back and another one taken in its place. */
static void exchange_page(void)
{
    unsigned i = pick(POOL);
    mfn_t new;

    if (frame_owner(pool[i]) == machine_guest.id && frame_refs(pool[i]))
        (void)owner_release(&machine_guest.owner, pool[i]);
    machine_check("given back");
    new = owner_alloc(&machine_guest.owner, 0);
    if (frame_valid(new))
        pool[i] = new;
    machine_check("taken");
}

static void step(void)
{
    unsigned kind = pick(24);

    switch (kind) {
    case 0 ... 3:
        (void)op_pin(any_frame(), 1 + pick(4));
        break;
    case 4 ... 6:
        (void)op_unpin(any_frame());
        break;
    case 7 ... 13:
        (void)op_update(any_frame(), any_slot(), any_entry());
        break;
    case 14:
        (void)op_update_ad(any_frame(), any_slot(), any_entry());
        break;
    case 15 ... 16:
        (void)op_update_va((uint64_t)any_slot() << PAGE_SHIFT, any_entry(), pick(3));
        break;
    case 17:
        (void)op_baseptr(any_frame());
        break;
    case 18:
        (void)op_user_baseptr(pick(3) ? any_frame() : mfn_of(0));
        break;
    case 19:
        (void)l1_entry_update(any_frame(), any_slot(), any_entry(), any_entry(), pick(2));
        machine_check("emulated write");
        break;
    case 20:
        exchange_page();
        break;
    default:
        write_page();
        break;
    }
}

/* The other vCPU's step: at a shared access, between two pieces, or while the first one waits. */
static void others_step(void)
{
    unsigned me = this_cpu()->cpu_id;

    if (within || pick(3))
        return;
    within = true;
    machine_run(me ^ 1);
    step();
    machine_run(me);
    within = false;
}

/* True while the last reference of some frame of the guest would free it. */
static bool frame_may_be_freed(void)
{
    for (uint64_t n = 0; n < frame_limit; n++)
        if (frame_owner(mfn_of(n)) == machine_guest.id && !(frame_table[n].ref & FRAME_ALLOCATED))
            return true;
    return false;
}

/* At a shared access: what neither allocates nor frees, as the allocator's state cannot be put back. */
static void others_request(void)
{
    if (within || frame_may_be_freed())
        return;
    within = true;
    machine_run(this_cpu()->cpu_id ^ 1);
    switch (pick(4)) {
    case 0:
        (void)op_pin(any_frame(), 1 + pick(4));
        break;
    case 1:
        (void)op_update(any_frame(), any_slot(), any_entry());
        break;
    case 2:
        (void)op_user_baseptr(any_frame());
        break;
    default:
        (void)op_update_va((uint64_t)any_slot() << PAGE_SHIFT, any_entry(), 0);
        break;
    }
    within = false;
}

static void steer(void)
{
    hooks_reset();
    hooks.general = pick(3) == 0;
    if (pick(2))
        hooks.preempt_at = pick(4) ? 1 + pick(6) : ALWAYS;
    if (pick(8) == 0)
        hooks.fail_at = 1 + pick(12);
    hooks.rescheduled = others_step;
    machine_between_restarts = others_step;
    if (PT_INDEX_BITS <= 3 && pick(3) == 0) {
        hooks.interrupt = others_request;
        hooks.interrupt_at = 1 + pick(40);
    }
}

static void program(uint64_t from)
{
    struct machine_tree t;

    seed = from * 0x9e3779b97f4a7c15 + 1;
    within = false;
    machine_note("seed %lu", from);
    machine_begin(64);
    t = machine_tree(&machine_guest, LEAF_RW);
    for (unsigned i = 0; i < 5; i++)
        pool[i] = t.l[i];
    for (unsigned i = 5; i < POOL; i++)
        pool[i] = machine_page(&machine_guest);
    machine_run(1);
    op_first_root(t.l[4]);
    machine_run(0);
    op_first_root(t.l[4]);
    for (unsigned i = 0; i < STEPS; i++) {
        machine_note("seed %lu, step %u", from, i);
        machine_run(pick(2));
        steer();
        step();
        within = false; /* the other CPU may have been left waiting */
        machine_between_restarts = 0;
    }
    machine_end();
}

static void programs(void **state)
{
    const char *one = getenv("RANDOM_SEED"), *many = getenv("RANDOM_PROGRAMS");
    uint64_t count = many ? strtoul(many, 0, 0) : PT_INDEX_BITS <= 3 ? 1500 : 400;

    (void)state;
    if (one) {
        program(strtoul(one, 0, 0));
        return;
    }
    for (uint64_t n = 1; n <= count; n++)
        program(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(programs) };

    return cmocka_run_group_tests(tests, 0, 0);
}
