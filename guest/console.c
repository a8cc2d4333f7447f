/*
 * SPDX-License-Identifier: MIT
 *
 * console.c - console_io or console ring.
 *
 * Ring indices run freely and are masked by the ring's size; a byte is written before the index that
 * publishes it.  The ring page is found through the M2P, as the ABI gives its MFN.
 *
 * console_io gets a buffer on the stack: a caller's buffer may be demand paged, and the hypervisor
 * answers -EFAULT to a page that is not there; it does not fault it in.
 */
#include "console.h"

#include "events.h"
#include "guest.h"
#include "hypercall.h"
#include "mm/p2m.h"

#include <stdbool.h>
#include <string.h>

#define BOUNCE 256 /* bytes */

static struct xencons_interface *ring; /* NULL: console_io */
static evtchn_port_t ring_port;

void console_init(const start_info_t *si)
{
    if (si->flags & SIF_INITDOMAIN)
        return;
    if (!si->console.domU.mfn)
        return;
    pfn_t pfn = m2p(mfn_of(si->console.domU.mfn));
    ring = (struct xencons_interface *)image_va(pfn);
    ring_port = si->console.domU.evtchn;
}

static void input_arrived(evtchn_port_t port)
{
    (void)port; /* the event itself has ended SCHEDOP_block; console_read takes the bytes */
}

void console_bind_events(void)
{
    if (ring)
        event_bind(ring_port, input_arrived);
    else
        (void)event_bind_virq(VIRQ_CONSOLE, input_arrived);
}

static void ring_notify(void)
{
    struct evtchn_send send = { .port = ring_port };

    (void)hypercall_event_channel_op(EVTCHNOP_send, &send);
}

/* The other end needs CPU time to make room. */
static void ring_wait(void)
{
    ring_notify();
    (void)hypercall_sched_op(SCHEDOP_yield, NULL);
}

static void ring_write(const char *buf, size_t len)
{
    XENCONS_RING_IDX prod = ring->out_prod;

    for (size_t i = 0; i < len; i++) {
        while (prod - __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) >= sizeof(ring->out)) {
            __atomic_store_n(&ring->out_prod, prod, __ATOMIC_RELEASE);
            ring_wait();
        }
        ring->out[MASK_XENCONS_IDX(prod, ring->out)] = buf[i];
        prod++;
    }
    __atomic_store_n(&ring->out_prod, prod, __ATOMIC_RELEASE);
    ring_notify();
}

void console_write(const char *buf, size_t len)
{
    char bounce[BOUNCE];

    if (ring) {
        ring_write(buf, len);
        return;
    }
    for (; len; buf += sizeof(bounce)) {
        size_t n = len < sizeof(bounce) ? len : sizeof(bounce);

        memcpy(bounce, buf, n);
        (void)hypercall_console_io(CONSOLEIO_write, (unsigned int)n, bounce);
        len -= n;
    }
}

size_t console_read(char *buf, size_t len)
{
    size_t n = 0;

    if (!ring) {
        char bounce[BOUNCE];
        size_t most = len < sizeof(bounce) ? len : sizeof(bounce);
        long rc = hypercall_console_io(CONSOLEIO_read, (unsigned int)most, bounce);

        if (rc <= 0)
            return 0;
        memcpy(buf, bounce, (size_t)rc);
        return (size_t)rc;
    }
    XENCONS_RING_IDX cons = ring->in_cons;
    XENCONS_RING_IDX prod = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE);

    for (; n < len && cons != prod; cons++)
        buf[n++] = ring->in[MASK_XENCONS_IDX(cons, ring->in)];
    __atomic_store_n(&ring->in_cons, cons, __ATOMIC_RELEASE);
    if (n)
        ring_notify();
    return n;
}

bool console_ready(void)
{
    return ring && __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE) != ring->in_cons;
}

void console_drain(void)
{
    while (ring && __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) != ring->out_prod)
        ring_wait();
}
