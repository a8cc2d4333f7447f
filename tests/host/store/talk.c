/* SPDX-License-Identifier: MIT */
#include "talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct session talk[TALK_SESSIONS];

static struct message in, out;

int talk_setup(void **state)
{
    (void)state;
    account_budget = 64UL << 20;
    if (transactions_init())
        return -1;
    for (domid_t i = 0; i < TALK_SESSIONS; i++) {
        struct domain_facts facts = { .domid = i, .memory_kib = 1024, .vcpus = 1 };

        facts.handle[15] = (uint8_t)i;
        (void)snprintf(facts.name, sizeof(facts.name), "guest-%u", i);
        if (domain_introduce(&facts))
            return -1;
        session_open(&talk[i], i);
    }
    return 0;
}

int talk_teardown(void **state)
{
    (void)state;
    for (domid_t i = 0; i < TALK_SESSIONS; i++) {
        session_close(&talk[i]);
        assert_int_equal(talk[i].account.bytes, 0);
        domain_release(i);
    }
    tree_drop(&store_tree);
    assert_int_equal(account_used, 0);
    return 0;
}

const struct message *talk_ask(domid_t domid, uint32_t type, uint32_t tx, const void *payload,
                               size_t length)
{
    static uint32_t id;

    in.header =
        (struct xsd_sockmsg){ .type = type, .req_id = ++id, .tx_id = tx, .len = (uint32_t)length };
    /* What is behind the payload is not the request's. */
    memset(in.payload, '#', sizeof(in.payload));
    memset(&out, '#', sizeof(out));
    memcpy(in.payload, payload, length);
    request_handle(&talk[domid], &in, &out);
    assert_int_equal(out.header.req_id, id);
    assert_int_equal(out.header.tx_id, tx);
    return &out;
}

void talk_expect(domid_t domid, uint32_t type, uint32_t tx, const void *payload, size_t length,
                 uint32_t want_type, const void *want, size_t want_length)
{
    const struct message *got = talk_ask(domid, type, tx, payload, length);

    if (got->header.type != want_type)
        print_error("type %u of d%u: answer %u, %.*s\n", type, domid, got->header.type,
                    (int)got->header.len, got->payload);
    assert_int_equal(got->header.type, want_type);
    assert_int_equal(got->header.len, want_length);
    assert_memory_equal(got->payload, want, want_length);
}

void talk_expect_event(domid_t domid, const void *want, size_t length)
{
    static char payload[XENSTORE_PAYLOAD_MAX];
    size_t got = watch_event_take(&talk[domid].watcher, payload);

    if (got != length)
        print_error("event of d%u: %.*s\n", domid, (int)got, payload);
    assert_int_equal(got, length);
    if (length)
        assert_memory_equal(payload, want, length);
}

uint32_t talk_start(domid_t domid)
{
    const struct message *got = talk_ask(domid, XS_TRANSACTION_START, 0, "\0", 1);

    assert_int_equal(got->header.type, XS_TRANSACTION_START);
    return (uint32_t)strtoul(got->payload, NULL, 10);
}
