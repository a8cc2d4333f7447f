/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_exchange: frames for frames, of another extent order. A chunk is done whole or not at all,
 * nr_exchanged says how far it came, and only frames that nothing refers to go.
 */
#include "machine.h"

#include "mm/m2p.h"
#include "mm/page_alloc.h"

#define FRAMES 8u
#define PFN    0x700u

static mfn_t page[FRAMES];

static int stage(void **state)
{
    (void)state;
    machine_begin(256);
    for (unsigned i = 0; i < FRAMES; i++)
        page[i] = machine_page(&machine_guest);
    hooks_reset();
    return 0;
}

static struct xen_memory_exchange *request(void)
{
    return machine_requests();
}

static uint64_t *in_list(void)
{
    return (uint64_t *)((uint8_t *)machine_requests() + 0x100);
}

static uint64_t *out_list(void)
{
    return in_list() + FRAMES;
}

/* All frames, in extents of one order, for as many of another. */
static void request_make(unsigned in_order, unsigned out_order)
{
    struct xen_memory_exchange *x = request();

    *x = (struct xen_memory_exchange){
        .in = { .nr_extents = FRAMES >> in_order, .extent_order = in_order, .domid = DOMID_SELF },
        .out = { .nr_extents = FRAMES >> out_order,
                 .extent_order = out_order,
                 .domid = DOMID_SELF },
    };
    x->in.extent_start.p = (void *)(GUEST_REQUESTS + 0x100);
    x->out.extent_start.p = (void *)(GUEST_REQUESTS + 0x100 + FRAMES * 8);
    for (unsigned i = 0; i < FRAMES >> out_order; i++)
        out_list()[i] = PFN + (i << out_order);
}

static long exchange(void)
{
    long rc = machine_hypercall(hc_memory_op, XENMEM_exchange, GUEST_REQUESTS, 0, 0);

    machine_check("exchange");
    return rc;
}

/* Extents of the order that are the guest's, in place of the frames of the stage. */
static void pages_in_extents(unsigned order)
{
    for (unsigned i = 0; i < FRAMES >> order; i++) {
        mfn_t first = owner_alloc(&machine_guest.owner, order);

        assert_true(frame_valid(first));
        in_list()[i] = first.n;
        for (unsigned k = 0; k < 1u << order; k++)
            m2p_set(mfn_add(first, k), 0x100 + k);
    }
}

static void of_every_order(void **state)
{
    (void)state;
    for (unsigned in = 0; in <= 3; in++)
        for (unsigned out = 0; out <= 3; out++) {
            uint32_t pages;
            uint64_t old[FRAMES];

            request_make(in, out);
            pages_in_extents(in);
            for (unsigned i = 0; i < FRAMES >> in; i++)
                old[i] = in_list()[i];
            pages = machine_guest.owner.pages;
            assert_int_equal(exchange(), 0);
            assert_int_equal(request()->nr_exchanged, FRAMES >> in);
            assert_int_equal(machine_guest.owner.pages, pages);
            for (unsigned i = 0; i < FRAMES; i++) {
                mfn_t mfn = mfn_of(out_list()[i >> out] + (i & ((1u << out) - 1)));

                assert_int_equal(frame_owner(mfn), machine_guest.id);
                assert_int_equal(m2p_get(mfn), PFN + i);
                assert_int_equal(out_list()[i >> out] & ((1u << out) - 1), 0);
            }
            for (unsigned i = 0; i < FRAMES >> out; i++)
                for (unsigned k = 0; k < 1u << out; k++)
                    owner_release(&machine_guest.owner, mfn_of(out_list()[i] + k));
            for (unsigned i = 0; i < FRAMES >> in; i++)
                assert_int_not_equal(frame_owner(mfn_of(old[i])), OWNER_IO);
        }
}

/* Asked for at the quota: as many go as come. */
static void at_the_quota(void **state)
{
    (void)state;
    machine_guest.owner.max_pages = machine_guest.owner.pages;
    request_make(0, 2);
    for (unsigned i = 0; i < FRAMES; i++)
        in_list()[i] = page[i].n;
    assert_int_equal(exchange(), 0);
    assert_int_equal(machine_guest.owner.pages, machine_guest.owner.max_pages);
}

/* One frame of a chunk cannot go: the chunks before it are done, this one is not begun. */
static void a_frame_that_stays(void **state)
{
    mfn_t mapped, foreign = machine_page(&machine_control);
    struct machine_tree t = machine_tree(&machine_guest, LEAF_RO);

    (void)state;
    op_first_root(t.l[4]);
    mapped = t.l[0];
    for (unsigned which = 0; which < 5; which++) {
        const uint64_t bad[] = { mapped.n, foreign.n, frame_limit, 0, 0 };

        for (unsigned at = 0; at < 4; at++) {
            request_make(0, 1);
            for (unsigned i = 0; i < FRAMES; i++)
                in_list()[i] = page[i].n;
            in_list()[2 + at] = which == 4 ? in_list()[2 + (at ^ 1)] : bad[which];
            assert_int_equal(exchange(), -EINVAL);
            assert_int_equal(request()->nr_exchanged, 2 + (at & ~1u));
            for (unsigned i = 2 + (at & ~1u); i < FRAMES; i++)
                assert_int_equal(frame_refs(page[i]), 1);
            /* What came is the stage's from now on. */
            for (unsigned i = 0; i < 2 + (at & ~1u); i++)
                page[i] = mfn_of(out_list()[i / 2] + i % 2);
        }
    }
    assert_int_equal(frame_refs(mapped), 2);
}

static void requests_that_are_refused(void **state)
{
    struct xen_memory_exchange *x = request();

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        long error = i == 0 || i == 1 ? -EPERM : i >= 6 && i <= 8 ? -EFAULT : -EINVAL;

        request_make(0, 0);
        for (unsigned k = 0; k < FRAMES; k++)
            in_list()[k] = page[k].n;
        switch (i) {
        case 0:
            x->in.extent_order = x->out.extent_order = 10;
            break;
        case 1:
            x->out.extent_order = 10;
            break;
        case 2:
            x->nr_exchanged = FRAMES + 1;
            break;
        case 3:
            x->out.nr_extents--;
            break;
        case 4:
            x->out.domid = 1;
            break;
        case 5:
            x->in.nr_extents = x->out.nr_extents = 1ul << 63;
            x->in.extent_order = x->out.extent_order = 2;
            break;
        case 6:
            x->in.extent_start.p = (void *)HV_VA_START;
            break;
        case 7:
            x->out.extent_start.p = (void *)HV_VA_START;
            break;
        case 8:
            x->in.extent_start.p = (void *)0x10;
            break;
        case 9:
            x->in.domid = x->out.domid = 77;
            error = -ESRCH;
            break;
        case 10:
            x->in.domid = x->out.domid = 0;
            error = -EPERM;
            break;
        default: /* done already */
            x->nr_exchanged = FRAMES;
            error = 0;
            break;
        }
        machine_note("case %u", i);
        assert_refused(error, exchange());
    }
    assert_int_equal(machine_hypercall(hc_memory_op, XENMEM_exchange, 0x10, 0, 0), -EFAULT);
    assert_int_equal(
        machine_hypercall(hc_memory_op, XENMEM_exchange | 1 << 6, GUEST_REQUESTS, 0, 0), -EINVAL);
}

/* Where the new numbers cannot be told, they are the guest's all the same, and nothing leaks. */
static void an_answer_that_cannot_be_told(void **state)
{
    uint32_t pages = machine_guest.owner.pages;

    (void)state;
    request_make(0, 0);
    for (unsigned i = 0; i < FRAMES; i++)
        in_list()[i] = page[i].n;
    request()->out.extent_start.p = (void *)0x10;
    assert_int_equal(exchange(), -EFAULT);
    assert_int_equal(request()->nr_exchanged, 1);
    assert_int_equal(machine_guest.owner.pages, pages);
}

static void preempted_anywhere(void **state)
{
    (void)state;
    for (unsigned long k = 0; k <= FRAMES; k++) {
        request_make(0, 0);
        for (unsigned i = 0; i < FRAMES; i++)
            in_list()[i] = page[i].n;
        hooks_reset();
        hooks.preempt_at = k ? k : ALWAYS;
        assert_int_equal(exchange(), 0);
        assert_int_equal(machine_restarts, k ? k < FRAMES : FRAMES - 1);
        assert_int_equal(request()->nr_exchanged, FRAMES);
        for (unsigned i = 0; i < FRAMES; i++)
            page[i] = mfn_of(out_list()[i]);
    }
}

static void failed_anywhere(void **state)
{
    unsigned failures = 0;

    (void)state;
    for (unsigned long k = 1;; k++) {
        uint32_t pages = machine_guest.owner.pages;
        uint64_t free_before = page_free_count();
        bool all;
        long rc;

        request_make(0, 1);
        for (unsigned i = 0; i < FRAMES; i++)
            in_list()[i] = page[i].n;
        hooks_reset();
        hooks.fail_at = k;
        rc = exchange();
        all = hooks.fallible_steps < k;
        hooks_reset();
        assert_int_equal(machine_guest.owner.pages, pages);
        assert_int_equal(page_free_count(), free_before);
        failures += rc == -ENOMEM;
        assert_int_equal(request()->nr_exchanged % 2, 0);
        for (unsigned i = 0; i < request()->nr_exchanged; i++)
            page[i] = mfn_of(out_list()[i / 2] + i % 2);
        if (all) /* a new frame that cannot be held to be named is the guest's nevertheless */
            break;
    }
    assert_true(failures > 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage, machine_teardown)
    const struct CMUnitTest tests[] = {
        T(of_every_order),
        T(at_the_quota),
        T(a_frame_that_stays),
        T(requests_that_are_refused),
        T(an_answer_that_cannot_be_told),
        T(preempted_anywhere),
        T(failed_anywhere),
    };

    return cmocka_run_group_tests(tests, 0, 0);
}
