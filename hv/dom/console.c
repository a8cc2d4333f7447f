/* SPDX-License-Identifier: MIT */
/*
 * Consoles. The initial domain writes and reads by console_io and hears of input by VIRQ_CONSOLE.
 * A domU has a ring page that the hypervisor serves itself: what the guest puts into `out` goes to
 * the serial line, what comes in for it on the serial line goes into `in`.
 *
 * What one domain writes is passed on raw. Of several, each line is kept until it is whole and then
 * written behind its domain's name; one that is not finished after a pause (a prompt) goes out as it
 * is, and as long as nobody else writes, what follows continues it at once.
 *
 * Invariant: the ring's frame is held by a general and a writable reference from the builder on, so
 * that it stays the domain's and no page table while we write to it. Its indices are the guest's:
 * each is read once and only ever used masked, and no more than a ring's worth is moved.
 */
#include "dom/console.h"

#include "dom/recipe.h"
#include "dom/sched.h"
#include "dom/vcpu.h"
#include "lib/errno.h"
#include "lib/printk.h"
#include "mm/guest_copy.h"
#include "mm/refusal.h"

#define PAUSE_NS 50000000ull /* so long an unfinished line is waited for */

/* ---- output ---- */

void console_flush(struct domain *d)
{
    struct console *c = &d->console;
    char prefix[sizeof(d->name) + 2];

    c->flush_at = 0;
    if (!c->line_used)
        return;
    snprintk(prefix, sizeof(prefix), "%s| ", d->name);
    console_write(d, prefix, c->line, c->line_used);
    c->line_used = 0;
}

/* Adds text up to the end of the line or of the room to the domain's line; how much that was. */
static uint32_t line_add(struct console *c, const char *text, uint32_t n)
{
    uint32_t i = 0;

    while (i < n && c->line_used < sizeof(c->line)) {
        c->line[c->line_used++] = text[i];
        if (text[i++] == '\n')
            break;
    }
    return i;
}

static void domain_print(struct domain *d, const char *text, uint32_t n)
{
    struct console *c = &d->console;

    if (recipes_count < 2) {
        console_write(d, "", text, n);
        return;
    }
    while (n) {
        uint32_t done = line_add(c, text, n);

        text += done;
        n -= done;
        if (c->line[c->line_used - 1] == '\n' || c->line_used == sizeof(c->line))
            console_flush(d);
    }
    if (!c->line_used)
        return;
    if (console_line_open(d)) {
        console_flush(d);
    } else if (!c->flush_at) {
        c->flush_at = system_time() + PAUSE_NS;
        timer_arm(c->flush_at);
    }
}

/* ---- rings ---- */

static struct xencons_interface *ring_of(const struct domain *d)
{
    return mfn_eq(d->console_mfn, MFN_NONE) ? 0 : frame_va(d->console_mfn);
}

/* Tells the guest that the ring has moved; it may have closed its end of the channel. */
static void ring_notify(struct domain *d)
{
    if (d->console_port)
        evtchn_set_pending(d, d->console_port);
}

static void ring_print(struct domain *d, struct xencons_interface *ring)
{
    char text[256];
    uint32_t cons, prod, n;

    cons = __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE);
    prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);
    if (cons == prod)
        return;
    if (prod - cons > sizeof(ring->out)) /* the guest lied: what is left of it is one ring */
        cons = prod - (uint32_t)sizeof(ring->out);
    while (cons != prod) {
        for (n = 0; n < sizeof(text) && cons != prod; n++, cons++)
            text[n] = ring->out[MASK_XENCONS_IDX(cons, ring->out)];
        domain_print(d, text, n);
    }
    __atomic_store_n(&ring->out_cons, cons, __ATOMIC_SEQ_CST);
    ring_notify(d);
}

/* Moves waiting input into the ring as far as there is room. */
static void ring_feed(struct domain *d, struct xencons_interface *ring)
{
    uint32_t cons = __atomic_load_n(&ring->in_cons, __ATOMIC_ACQUIRE);
    uint32_t prod = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE);
    struct console *c = &d->console;
    bool moved = false;

    while (c->cons != c->prod && prod - cons < sizeof(ring->in)) {
        ring->in[MASK_XENCONS_IDX(prod++, ring->in)] = c->input[c->cons++ % CONSOLE_INPUT];
        moved = true;
    }
    if (!moved)
        return;
    __atomic_store_n(&ring->in_prod, prod, __ATOMIC_SEQ_CST);
    ring_notify(d);
}

void console_ring_drain(struct domain *d)
{
    struct xencons_interface *ring = ring_of(d);

    if (!ring)
        return;
    ring_print(d, ring);
    ring_feed(d, ring); /* what came in while the ring was full */
}

void console_give(struct domain *d, char c)
{
    struct console *to = &d->console;

    if (to->prod - to->cons < CONSOLE_INPUT)
        to->input[to->prod++ % CONSOLE_INPUT] = c;
    if (ring_of(d))
        ring_feed(d, ring_of(d));
    if (d->initial)
        evtchn_raise_virq(d->vcpu[0], VIRQ_CONSOLE);
}

/* ---- console_io ---- */

static long io_write(unsigned count, uint64_t va)
{
    char text[256];

    for (unsigned done = 0, n; done < count; done += n) {
        n = count - done < sizeof(text) ? count - done : (unsigned)sizeof(text);
        if (guest_read(text, va + done, n))
            return refuse(-EFAULT, "buffer-unreadable", MFN_NONE, 0);
        domain_print(domain_current(), text, n);
    }
    return 0;
}

static long io_read(unsigned count, uint64_t va)
{
    struct console *c = &domain_current()->console;
    char text[CONSOLE_INPUT];
    unsigned n = 0;

    while (n < count && n < sizeof(text) && c->cons != c->prod)
        text[n++] = c->input[c->cons++ % CONSOLE_INPUT];
    if (n && guest_write(va, text, n))
        return refuse(-EFAULT, "buffer-unwritable", MFN_NONE, 0);
    return n;
}

long console_io(unsigned cmd, unsigned count, uint64_t buf_va)
{
    if (!domain_current()->initial)
        return refuse(-EPERM, "console-is-not-ours", MFN_NONE, 0);
    switch (cmd) {
    case CONSOLEIO_write:
        return io_write(count, buf_va);
    case CONSOLEIO_read:
        return io_read(count, buf_va);
    default:
        return refuse(-ENOSYS, "console-op-unknown", MFN_NONE, 0);
    }
}
