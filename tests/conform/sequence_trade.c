/*
 * SPDX-License-Identifier: MIT
 *
 * sequence_trade.c - operations that get frames from the hypervisor.
 *
 * A frame that was given away may come back as another one, or not, as the hypervisor likes; and
 * entries that name it may still lie about. So frames are taken until one is new.
 */
#include "sequence_op.h"

#include "sequence_arena.h"
#include "sequence_text.h"

#include "guest.h"
#include "hypercall.h"

#define FRESH 64U /* frames asked for until one is new */

static long take(xen_pfn_t *number)
{
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, number);
    return hypercall_memory_op(XENMEM_populate_physmap, &r);
}

static void give(xen_pfn_t number)
{
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, &number);
    (void)hypercall_memory_op(XENMEM_decrease_reservation, &r);
}

/* A frame without a past in this sequence.  Result: populate's, and the frame. */
static long take_new(unsigned int frame, mfn_t *mfn)
{
    xen_pfn_t stale[FRESH], number;
    unsigned int old = 0;
    long rc;

    for (;;) {
        number = arena_pfn(frame).n;
        rc = take(&number);
        if (rc != 1 || !arena_known(mfn_of(number)))
            break;
        if (old == FRESH)
            guest_panic("sequence: no new frame");
        stale[old++] = number;
    }
    while (old)
        give(stale[--old]);
    *mfn = mfn_of(number);
    return rc;
}

static void take_run(const struct op *op)
{
    unsigned int frame = op->frame % ARENA_FRAMES;
    mfn_t mfn;
    long rc;

    if (!arena_given(frame)) {
        say(" skipped");
        return;
    }
    rc = take_new(frame, &mfn);
    say_rc("rc", rc);
    if (rc == 1)
        arena_replace(frame, mfn);
}

long trade_exchange(unsigned int frame, mfn_t *mfn, unsigned long *done)
{
    xen_pfn_t old = arena_mfn(frame).n, number = arena_pfn(frame).n;
    struct xen_memory_exchange e = {
        .in = { .nr_extents = 1, .domid = DOMID_SELF },
        .out = { .nr_extents = 1, .domid = DOMID_SELF },
    };
    long rc;

    set_xen_guest_handle(e.in.extent_start, &old);
    set_xen_guest_handle(e.out.extent_start, &number);
    rc = hypercall_memory_op(XENMEM_exchange, &e);
    *done = e.nr_exchanged;
    *mfn = mfn_of(number);
    return rc;
}

/* Only a frame without any mapping can be exchanged. */
static void exchange_run(const struct op *op)
{
    unsigned int frame = op->frame % ARENA_FRAMES;
    bool mapped = op->option & 1; /* then it is refused for sure */
    unsigned long done;
    mfn_t mfn;
    long rc;

    if (arena_given(frame)) {
        say(" skipped");
        return;
    }
    if (!mapped)
        arena_hide(frame);
    rc = trade_exchange(frame, &mfn, &done);
    say_rc("rc", rc);
    say(" done=%lu", done);
    if (!rc && arena_known(mfn)) {
        xen_pfn_t number = mfn.n;

        if (take_new(frame, &mfn) != 1)
            guest_panic("sequence: no frame in exchange");
        give(number);
    }
    if (!rc)
        arena_replace(frame, mfn);
    else if (!mapped)
        arena_show(frame);
}

void trade_run(const struct op *op)
{
    if (op->kind == OP_TAKE)
        take_run(op);
    else
        exchange_run(op);
}
