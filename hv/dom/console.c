/* SPDX-License-Identifier: MIT */
/*
 * Consoles. The initial domain writes and reads by console_io and hears of input by VIRQ_CONSOLE.
 * A domU has a ring page that the hypervisor serves itself: what the guest puts into `out` goes to
 * the serial line raw, what comes in on the serial line goes into `in`.
 *
 * Invariant: the ring's frame is held by a general and a writable reference from the builder on, so
 * that it stays the domain's and no page table while we write to it. Its indices are the guest's:
 * each is read once and only ever used masked, and no more than a ring's worth is moved.
 */
#include "dom/console.h"

#include "dom/vcpu.h"
#include "lib/errno.h"
#include "lib/machine.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "mm/guest_copy.h"
#include "mm/refusal.h"

#define INPUT_SIZE 256u /* power of two */

#define SWITCH_KEY   1 /* CTRL-a */
#define SWITCH_TIMES 3u

static struct {
    struct spinlock lock;
    uint32_t cons, prod;
    char text[INPUT_SIZE];
} input;

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
        console_write_raw(text, n);
    }
    __atomic_store_n(&ring->out_cons, cons, __ATOMIC_SEQ_CST);
    ring_notify(d);
}

/* Moves waiting input into the ring as far as there is room. input.lock is held. */
static void ring_feed(struct domain *d, struct xencons_interface *ring)
{
    uint32_t cons = __atomic_load_n(&ring->in_cons, __ATOMIC_ACQUIRE);
    uint32_t prod = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE);
    bool moved = false;

    while (input.cons != input.prod && prod - cons < sizeof(ring->in)) {
        ring->in[MASK_XENCONS_IDX(prod++, ring->in)] = input.text[input.cons++ % INPUT_SIZE];
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
    spin_lock(&input.lock);
    ring_feed(d, ring); /* what came in while the ring was full */
    spin_unlock(&input.lock);
}

static void guest_input(char c)
{
    struct domain *d = initial_domain;

    spin_lock(&input.lock);
    if (input.prod - input.cons < INPUT_SIZE)
        input.text[input.prod++ % INPUT_SIZE] = c;
    if (d && ring_of(d) && !d->shut_down)
        ring_feed(d, ring_of(d));
    spin_unlock(&input.lock);
    if (d && d->initial)
        evtchn_raise_virq(d->vcpu[0], VIRQ_CONSOLE);
}

/* ---- keys of the hypervisor ---- */

static void key_help(void);

static const struct {
    char key;
    void (*act)(void);
    const char *what;
} keys[] = {
    { 'h', key_help, "list the keys" },
    { 'A', books_report, "audit" },
};

static void key_help(void)
{
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        printk(LOG_ALWAYS, " '%c' %s\n", keys[i].key, keys[i].what);
}

static void key_pressed(char c)
{
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].key == c) {
            keys[i].act();
            return;
        }
    }
}

/* CTRL-a three times gives the line to the other side; until then they are held back. */
void console_input(char c)
{
    static bool ours;
    static unsigned switches;
    const struct domain *d = initial_domain;

    if (c == SWITCH_KEY && ++switches == SWITCH_TIMES) {
        switches = 0;
        ours = !ours;
        printk(LOG_ALWAYS, "*** Serial input to %s (type 'CTRL-a' three times to switch input)\n",
               ours ? "Pinion"
               : d  ? d->name
                    : "nobody");
        return;
    }
    if (c == SWITCH_KEY)
        return;
    for (; switches; switches--)
        if (!ours)
            guest_input(SWITCH_KEY);
    if (ours)
        key_pressed(c);
    else
        guest_input(c);
}

static long console_write(unsigned count, uint64_t va)
{
    char text[256];

    for (unsigned done = 0, n; done < count; done += n) {
        n = count - done < sizeof(text) ? count - done : (unsigned)sizeof(text);
        if (guest_read(text, va + done, n))
            return refuse(-EFAULT, "buffer-unreadable", MFN_NONE, 0);
        console_write_raw(text, n);
    }
    return 0;
}

static long console_read(unsigned count, uint64_t va)
{
    char text[INPUT_SIZE];
    unsigned n = 0;

    spin_lock(&input.lock);
    while (n < count && n < sizeof(text) && input.cons != input.prod)
        text[n++] = input.text[input.cons++ % INPUT_SIZE];
    spin_unlock(&input.lock);
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
        return console_write(count, buf_va);
    case CONSOLEIO_read:
        return console_read(count, buf_va);
    default:
        return refuse(-ENOSYS, "console-op-unknown", MFN_NONE, 0);
    }
}
