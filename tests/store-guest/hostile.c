/* SPDX-License-Identifier: MIT */
/*
 * Clients that break the rules, each in one way, for as long as for=SECONDS says; without it they do
 * not end.
 */
#include "jobs.h"

#include "clock.h"
#include "guest.h"
#include "hypercall.h"
#include "mm/p2m.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct xenstore_domain_interface *page(void)
{
    return page_va(m2p(mfn_of(guest_start_info->store_mfn)));
}

static void knock(void)
{
    struct evtchn_send send = { .port = guest_start_info->store_evtchn };

    (void)hypercall_event_channel_op(EVTCHNOP_send, &send);
}

static uint64_t end; /* by the system time; 0: none */

static bool over(void)
{
    return end && clock_ns() > end;
}

/* Once the store is known to serve this domain. */
static struct xenstore_domain_interface *begin(const char *what)
{
    char value[16];

    CHECK(xenstore_read(0, "domid", value, sizeof(value)) > 0);
    printf("hostile: %s\n", what);
    if (number("for", 0))
        end = clock_ns() + number("for", 0) * 1000000000UL;
    return page();
}

static void wait_error(volatile uint32_t *error, uint32_t want)
{
    while (*error != want)
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
}

/* After the refusal it goes on, and begins anew by asking for it. */
static void again(struct xenstore_domain_interface *p)
{
    __atomic_store_n(&p->connection, XENSTORE_RECONNECT, __ATOMIC_SEQ_CST);
    knock();
    while (__atomic_load_n(&p->connection, __ATOMIC_SEQ_CST) != XENSTORE_CONNECTED)
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
}

void job_index(void)
{
    struct xenstore_domain_interface *p = begin("request index");

    for (uint32_t i = 1; !over(); i = i * 3 + 1) {
        p->req_prod = p->req_cons + XENSTORE_RING_SIZE + (i % 0x7fffffff ? i % 0x7fffffff : 1);
        knock();
        wait_error(&p->error, XENSTORE_ERROR_RINGIDX);
        again(p);
    }
}

void job_answers(void)
{
    static const struct xsd_sockmsg header = { .type = XS_READ };
    struct xenstore_domain_interface *p = begin("answer index");

    while (!over()) {
        p->rsp_cons = p->rsp_prod + 1;
        memcpy(p->req, &header, sizeof(header));
        p->req_prod += sizeof(header);
        knock();
        wait_error(&p->error, XENSTORE_ERROR_RINGIDX);
        again(p);
    }
}

void job_length(void)
{
    static const struct xsd_sockmsg header = { .type = XS_WRITE, .len = 0x80000000 };
    struct xenstore_domain_interface *p = begin("length");

    again(p);
    while (!over()) {
        memcpy(p->req, &header, sizeof(header));
        p->req_prod += sizeof(header);
        knock();
        wait_error(&p->error, XENSTORE_ERROR_PROTO);
        again(p);
    }
}

/* The answers' index is moved on unread, so that the store is never held up. */
void job_flood(void)
{
    struct xenstore_domain_interface *p = begin("flood");

    again(p);
    for (uint32_t at = 0; at % 64 || !over(); at++) {
        static const char request[] = "\2\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0name";

        while (p->req_prod - *(volatile uint32_t *)&p->req_cons == XENSTORE_RING_SIZE) {
            p->rsp_cons = *(volatile uint32_t *)&p->rsp_prod;
            knock();
        }
        p->req[MASK_XENSTORE_IDX(p->req_prod)] = request[at % 21];
        __atomic_store_n(&p->req_prod, p->req_prod + 1, __ATOMIC_RELEASE);
    }
}

void job_watches(void)
{
    char token[16];
    unsigned int count = 0;

    (void)begin("watches");
    for (;; count++) {
        (void)snprintf(token, sizeof(token), "%u", count);
        if (xenstore_watch("data", token))
            break;
    }
    CHECK(count == 128);
    for (unsigned int i = 0; !over(); i++) {
        char path[32];

        /* Events pile up here, not there: once a while they are let go. */
        (void)snprintf(path, sizeof(path), "data/%u", i % 500);
        CHECK(xenstore_write(0, path, "x") == 0);
        while (xenstore_event_ready()) {
            char got[32];

            CHECK(xenstore_event(got, sizeof(got), token, sizeof(token)) == 0);
        }
    }
}

void job_hoard(void)
{
    static char value[2049];
    uint32_t t = 0;

    (void)begin("transactions");
    memset(value, 'v', sizeof(value) - 1);
    for (unsigned int i = 0; !over(); i++) {
        char path[32];

        (void)xenstore_transaction_start(&t);
        (void)snprintf(path, sizeof(path), "data/%u", i % 30);
        CHECK(xenstore_write(0, path, value) == 0);
        if (i % 40 == 0)
            CHECK(xenstore_call(XS_RESET_WATCHES, 0, "", 1, NULL, 0) >= 0);
    }
}

void job_reconnect(void)
{
    struct xenstore_domain_interface *p = begin("reconnect");

    while (!over())
        again(p);
}

void job_scribble(void)
{
    struct xenstore_domain_interface *p = begin("scribble");
    uint64_t seed = guest_first_tsc | 1;

    while (!over()) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        ((volatile char *)p)[seed % sizeof(*p)] = (char)(seed >> 40);
        if ((seed >> 20) % 16 == 0)
            knock();
        if ((seed >> 30) % 64 == 0)
            (void)hypercall_sched_op(SCHEDOP_yield, NULL);
    }
}

/* Ends by a crash with everything open, in the middle of a message. */
void job_dies(void)
{
    struct xenstore_domain_interface *p = begin("dies");
    char value[16];
    uint32_t t = 0;

    CHECK(xenstore_watch("data", "t") == 0);
    CHECK(xenstore_write(0, "data/a", "b") == 0);
    CHECK(xenstore_transaction_start(&t) == 0);
    CHECK(xenstore_write(t, "data/a", "c") == 0);
    CHECK(xenstore_read(0, "domid", value, sizeof(value)) > 0);
    if (strtoul(value, NULL, 10) >= number("last", 20))
        return;
    p->req_prod += 10;
    knock();
    guest_panic("as it was told to");
}
