/* SPDX-License-Identifier: MIT */
/*
 * A client over its page: messages in pieces, indices that lie, one that never reads.
 */
#include "talk.h"

#include <stdlib.h>
#include <string.h>

#include "client.h"

static struct client client[2];
static struct xenstore_domain_interface page[2];

static int setup(void **state)
{
    memset(page, 0, sizeof(page));
    if (talk_setup(state))
        return -1;
    for (unsigned int i = 0; i < 2; i++)
        client_open(&client[i], (domid_t)(i + 1), &page[i]);
    return 0;
}

static int teardown(void **state)
{
    for (unsigned int i = 0; i < 2; i++) {
        client_close(&client[i]);
        assert_int_equal(client[i].session.account.bytes, 0);
    }
    return talk_teardown(state);
}

/* The client's side: how much of a request fits on the ring now, and what is there to read. */
static size_t put(unsigned int who, const void *data, size_t length)
{
    uint32_t room = XENSTORE_RING_SIZE - (page[who].req_prod - page[who].req_cons);

    if (length > room)
        length = room;
    for (size_t i = 0; i < length; i++)
        page[who].req[MASK_XENSTORE_IDX(page[who].req_prod + i)] = ((const char *)data)[i];
    page[who].req_prod += (uint32_t)length;
    return length;
}

static size_t take(unsigned int who, void *data, size_t length)
{
    uint32_t ready = page[who].rsp_prod - page[who].rsp_cons;

    assert_in_range(ready, 0, XENSTORE_RING_SIZE);
    if (length > ready)
        length = ready;
    for (size_t i = 0; i < length; i++)
        ((char *)data)[i] = page[who].rsp[MASK_XENSTORE_IDX(page[who].rsp_cons + i)];
    page[who].rsp_cons += (uint32_t)length;
    return length;
}

static void message(struct message *m, uint32_t type, uint32_t id, const void *payload,
                    size_t length)
{
    m->header = (struct xsd_sockmsg){ .type = type, .req_id = id, .len = (uint32_t)length };
    memcpy(m->payload, payload, length);
}

/* Sends all of a message, stepping the store where the ring is full. */
static void send_all(unsigned int who, const struct message *m)
{
    size_t at = 0, end = 16 + m->header.len;

    while (at < end) {
        size_t moved = put(who, (const char *)m + at, end - at);

        at += moved;
        if (!client_step(&client[who]) && !moved)
            fail_msg("the store takes no more");
    }
}

static void receive_all(unsigned int who, struct message *m)
{
    size_t at = 0;

    m->header.len = 0;
    while (at < 16 || at < 16 + m->header.len) {
        size_t moved = take(who, (char *)m + at, (at < 16 ? 16 : 16 + m->header.len) - at);

        at += moved;
        if (!client_step(&client[who]) && !moved)
            fail_msg("the store says no more");
    }
}

static struct message request, answer;

static void ask(unsigned int who, uint32_t type, const void *payload, size_t length)
{
    static uint32_t id;

    message(&request, type, ++id, payload, length);
    send_all(who, &request);
    do
        receive_all(who, &answer);
    while (answer.header.type == XS_WATCH_EVENT);
    assert_int_equal(answer.header.req_id, id);
}

static void features(void **state)
{
    (void)state;
    assert_int_equal(page[0].server_features,
                     XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR);
    assert_int_equal(page[0].connection, XENSTORE_CONNECTED);
    assert_false(client_step(&client[0]));
}

static void whole(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 200; i++) { /* round the ring several times */
        ask(0, XS_READ, "domid", 6);
        assert_int_equal(answer.header.type, XS_READ);
        assert_int_equal(answer.header.len, 1);
        assert_int_equal(answer.payload[0], '1');
        ask(1, XS_READ, "domid", 6);
        assert_int_equal(answer.payload[0], '2');
    }
}

/* The largest message there is, both ways; and one byte at a time. */
static void pieces(void **state)
{
    char payload[XENSTORE_PAYLOAD_MAX] = "data/a";

    (void)state;
    memset(payload + 7, 'v', sizeof(payload) - 7);
    ask(0, XS_WRITE, payload, 7 + QUOTA_VALUE);
    assert_int_equal(answer.header.type, XS_WRITE);
    ask(0, XS_READ, payload, 7);
    assert_int_equal(answer.header.len, QUOTA_VALUE);
    assert_memory_equal(answer.payload, payload + 7, QUOTA_VALUE);
    ask(0, XS_WRITE, payload, sizeof(payload));
    assert_string_equal(answer.payload, "ENOSPC");
    message(&request, XS_READ, 77, "domid", 6);
    for (unsigned int i = 0; i < 22; i++) {
        assert_int_equal(put(0, (char *)&request + i, 1), 1);
        (void)client_step(&client[0]);
        assert_int_equal(page[0].req_cons, page[0].req_prod);
    }
    receive_all(0, &answer);
    assert_int_equal(answer.header.req_id, 77);
    assert_false(client_step(&client[0]));
}

/* Cut off from here on, with the reason on the page; the other goes on. */
static void expect_failed(uint32_t error)
{
    struct xenstore_domain_interface before;

    assert_true(client[0].failed);
    assert_int_equal(page[0].error, error);
    assert_int_equal(client[0].session.account.bytes, 0);
    page[0].req_prod += 16;
    before = page[0];
    assert_false(client_step(&client[0]));
    assert_memory_equal(&before, &page[0], sizeof(before));
    ask(1, XS_READ, "domid", 6);
    assert_int_equal(answer.payload[0], '2');
}

/* What the header offers such a client: to begin anew. */
static void reconnect(void)
{
    page[0].connection = XENSTORE_RECONNECT;
    assert_true(client_step(&client[0]));
    assert_int_equal(page[0].connection, XENSTORE_CONNECTED);
    assert_int_equal(page[0].error, XENSTORE_ERROR_NONE);
    assert_int_equal(page[0].req_prod, 0);
    assert_int_equal(page[0].rsp_prod, 0);
    ask(0, XS_READ, "domid", 6);
    assert_int_equal(answer.payload[0], '1');
}

/* A client that did nothing wrong may begin anew, too, in the middle of anything. */
static void fresh_start(void **state)
{
    (void)state;
    ask(0, XS_WATCH, "data\0t", 7);
    message(&request, XS_READ, 1, "domid", 6);
    assert_int_equal(put(0, &request, 20), 20);
    assert_true(client_step(&client[0]));
    reconnect();
    assert_int_equal(client[0].session.account.bytes, 0);
    assert_false(client_step(&client[0]));
}

static void bad_request_index(void **state)
{
    (void)state;
    ask(0, XS_WATCH, "data\0t", 7);
    page[0].req_prod = page[0].req_cons + XENSTORE_RING_SIZE + 1;
    assert_true(client_step(&client[0]));
    expect_failed(XENSTORE_ERROR_RINGIDX);
    reconnect();
    page[0].req_prod = page[0].req_cons - 1;
    assert_true(client_step(&client[0]));
    expect_failed(XENSTORE_ERROR_RINGIDX);
}

static void bad_response_index(void **state)
{
    (void)state;
    message(&request, XS_READ, 1, "domid", 6);
    assert_int_equal(put(0, &request, 22), 22);
    page[0].rsp_cons = page[0].rsp_prod + 1;
    assert_true(client_step(&client[0]));
    expect_failed(XENSTORE_ERROR_RINGIDX);
    reconnect();
    /* The store's own indices are not read from the page. */
    page[0].req_cons += 500;
    page[0].rsp_prod += 500;
    message(&request, XS_READ, 2, "name", 5);
    page[0].req_cons -= 500;
    assert_int_equal(put(0, &request, 21), 21);
    page[0].req_cons += 500;
    assert_true(client_step(&client[0]));
    receive_all(0, &answer);
    assert_int_equal(answer.header.req_id, 2);
}

static void too_long(void **state)
{
    (void)state;
    request.header = (struct xsd_sockmsg){ .type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1 };
    assert_int_equal(put(0, &request, 16), 16);
    assert_true(client_step(&client[0]));
    expect_failed(XENSTORE_ERROR_PROTO);
    reconnect();
    request.header = (struct xsd_sockmsg){ .type = XS_READ, .len = 0xffffffff };
    assert_int_equal(put(0, &request, 16), 16);
    assert_true(client_step(&client[0]));
    expect_failed(XENSTORE_ERROR_PROTO);
}

/* Requests without end, and nothing read: it comes to rest, and the other is served. */
static void never_reads(void **state)
{
    unsigned int steps = 0;

    (void)state;
    ask(0, XS_WATCH, "data\0t", 7);
    message(&request, XS_GET_PERMS, 1, "name", 5);
    for (; steps < 10000; steps++) {
        bool room = page[0].req_prod - page[0].req_cons <= XENSTORE_RING_SIZE - 21;

        if (room)
            (void)put(0, &request, 21);
        if (!client_step(&client[0]) && !room)
            break;
    }
    assert_in_range(steps, 1, 200);
    assert_int_equal(page[0].rsp_prod - page[0].rsp_cons, XENSTORE_RING_SIZE);
    for (unsigned int i = 0; i < 3000; i++) {
        ask(1, XS_READ, "domid", 6);
        assert_int_equal(answer.header.type, XS_READ);
        DONE(0, XS_WRITE, 0, "/local/domain/1/data/x\0y");
    }
    assert_in_range(client[0].session.account.bytes, 0, 2048);
}

/* Events come between answers, however fast requests follow. */
static void events_between(void **state)
{
    unsigned int events = 0;

    (void)state;
    ask(0, XS_WATCH, "data\0t", 7);
    for (unsigned int i = 0; i < 20; i++) {
        message(&request, XS_WRITE, i, "data/x\0y", 8);
        send_all(0, &request);
    }
    for (unsigned int i = 0; i < 20;) {
        receive_all(0, &answer);
        if (answer.header.type == XS_WATCH_EVENT)
            events++;
        else
            assert_int_equal(answer.header.req_id, i++);
    }
    assert_in_range(events, 18, 21);
}

/* Another domain's processor writes the page all the time. */
static void garbage(void **state)
{
    (void)state;
    srandom(1);
    for (unsigned int i = 0; i < 100000; i++) {
        char *bytes = (char *)&page[0];
        unsigned int at = random() % sizeof(page[0]);

        if (random() % 4 == 0)
            at = offsetof(struct xenstore_domain_interface, req_cons) + random() % 28;
        bytes[at] = random() % 3 ? (char)(random() % 24) : (char)random();
        if (random() % 8 == 0)
            page[0].req_prod = client[0].ring.req_cons + random() % 1025;
        if (random() % 8 == 0)
            page[0].rsp_cons = client[0].ring.rsp_prod - random() % 1025;
        (void)client_step(&client[0]);
        if (i % 1000 == 0) {
            ask(1, XS_READ, "domid", 6);
            assert_int_equal(answer.payload[0], '2');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(features, setup, teardown),
        cmocka_unit_test_setup_teardown(whole, setup, teardown),
        cmocka_unit_test_setup_teardown(pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(fresh_start, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_request_index, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_response_index, setup, teardown),
        cmocka_unit_test_setup_teardown(too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(never_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(events_between, setup, teardown),
        cmocka_unit_test_setup_teardown(garbage, setup, teardown),
    };

    return cmocka_run_group_tests_name("store: clients", tests, NULL, NULL);
}
