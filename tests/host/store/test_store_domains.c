/* SPDX-License-Identifier: MIT */
/*
 * Domains that come and go: what they find, and that nothing of them is left.
 */
#include "talk.h"

#include <string.h>

static const struct domain_facts five = {
    .domid = 5,
    .name = "five",
    .handle = { 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 8 },
    .memory_kib = 65536,
    .max_memory_kib = 131072,
    .vcpus = 2,
    .store_frame = 100,
    .store_port = 1,
    .console_frame = 101,
    .console_port = 2,
};

#define VM "/vm/12345678-9abc-def0-0102-030405060708"

static void home(void **state)
{
    struct session guest;

    (void)state;
    assert_int_equal(domain_introduce(&five), 0);
    assert_int_equal(domain_introduce(&five), -XEN_EEXIST);
    session_open(&guest, 5);
    OKAY(0, XS_DIRECTORY, 0, "/local/domain/5\0",
         "attr\0console\0control\0cpu\0data\0device\0domid\0drivers\0error\0feature\0memory\0"
         "name\0store\0vm\0");
    OKAY(0, XS_READ, 0, "/local/domain/5/name\0", "five");
    OKAY(0, XS_READ, 0, "/local/domain/5/domid\0", "5");
    OKAY(0, XS_READ, 0, "/local/domain/5/vm\0", VM);
    OKAY(0, XS_READ, 0, VM "/name\0", "five");
    OKAY(0, XS_READ, 0, VM "/uuid\0", "12345678-9abc-def0-0102-030405060708");
    OKAY(0, XS_READ, 0, "/local/domain/5/memory/target\0", "65536");
    OKAY(0, XS_READ, 0, "/local/domain/5/memory/static-max\0", "131072");
    OKAY(0, XS_READ, 0, "/local/domain/5/cpu/1/availability\0", "online");
    OKAY(0, XS_DIRECTORY, 0, "/local/domain/5/cpu\0",
         "0\0"
         "1\0");
    OKAY(0, XS_READ, 0, "/local/domain/5/console/ring-ref\0", "101");
    OKAY(0, XS_READ, 0, "/local/domain/5/console/port\0", "2");
    OKAY(0, XS_READ, 0, "/local/domain/5/store/ring-ref\0", "100");
    OKAY(0, XS_READ, 0, "/local/domain/5/control/shutdown\0", "");
    OKAY(0, XS_GET_PERMS, 0, "/local/domain/5/control/shutdown\0", "n5\0");
    OKAY(0, XS_GET_PERMS, 0, "/local/domain/5\0", "n0\0r5\0");
    OKAY(0, XS_GET_PERMS, 0, "/local/domain\0", "n0\0");
    session_close(&guest);
    domain_release(5);
    FAIL(0, XS_READ, 0, VM "\0", "ENOENT");
    FAIL(0, XS_READ, 0, "/local/domain/5\0", "ENOENT");
}

static void gone(void **state)
{
    uint32_t t;

    (void)state;
    assert_int_equal(domain_introduce(&five), 0);
    DONE(0, XS_WATCH, 0, "@releaseDomain\0r\0");
    DONE(1, XS_WATCH, 0, "data\0t\0");
    EVENT(0, "@releaseDomain\0r\0");
    EVENT(1, "data\0t\0");
    /* It owns something in another's part, is named in permissions, and is about to be again. */
    DONE(0, XS_WRITE, 0, "/local/domain/1/data/its/below\0x");
    DONE(0, XS_SET_PERMS, 0, "/local/domain/1/data/its\0n5\0r1\0");
    DONE(1, XS_WRITE, 0, "data/for-it\0x");
    DONE(1, XS_SET_PERMS, 0, "data/for-it\0n1\0r2\0b5\0");
    while (watch_event_ready(&talk[1].watcher)) {
        char payload[XENSTORE_PAYLOAD_MAX];

        (void)watch_event_take(&talk[1].watcher, payload);
    }
    t = talk_start(1);
    DONE(1, XS_SET_PERMS, t, "data\0n1\0b5\0");
    domain_release(5);
    assert_false(domain_known(5));
    OKAY(1, XS_GET_PERMS, 0, "data/for-it\0", "n1\0r2\0");
    EVENT(1, "data/for-it\0t\0");
    EVENT(1, "data/its\0t\0");
    NO_EVENT(1);
    EVENT(0, "@releaseDomain\0r\0");
    NO_EVENT(0);
    OKAY(1, XS_DIRECTORY, 0, "data\0", "for-it\0");
    OKAY(1, XS_DIRECTORY, t, "data\0", "for-it\0"); /* nothing fails before the end */
    DONE(1, XS_WRITE, t, "data/late\0x");
    FAIL(1, XS_TRANSACTION_END, t, "T\0", "EAGAIN");
    FAIL(1, XS_READ, 0, "data/late\0", "ENOENT");
    OKAY(1, XS_GET_PERMS, 0, "data\0", "n1\0");
    assert_null(tree_tally(&store_tree, 5));
    domain_release(5);
    NO_EVENT(0);
}

/* A number that is not there may be named; when it comes, it does not profit. */
static void named_before(void **state)
{
    (void)state;
    DONE(1, XS_SET_PERMS, 0, "data\0n1\0b5\0");
    assert_int_equal(domain_introduce(&five), 0);
    OKAY(1, XS_GET_PERMS, 0, "data\0", "n1\0");
    domain_release(5);
}

/* Taking something off a tree that is held elsewhere needs memory: an end is never short of it. */
static void gone_without_memory(void **state)
{
    size_t budget = account_budget;

    (void)state;
    assert_int_equal(domain_introduce(&five), 0);
    DONE(0, XS_WRITE, 0, "/local/domain/1/data/its\0x");
    DONE(0, XS_SET_PERMS, 0, "/local/domain/1/data/its\0n5\0");
    account_budget = account_used;
    domain_release(5);
    assert_null(tree_tally(&store_tree, 5));
    FAIL(0, XS_READ, 0, "/local/domain/5\0", "ENOENT");
    account_budget = budget;
    FAIL(0, XS_READ, 0, "/local/domain/1/data/its\0", "ENOENT");
}

static void rounds(void **state)
{
    size_t before = 0;

    (void)state;
    for (unsigned int i = 0; i < 1000; i++) {
        struct domain_facts facts = five;

        facts.domid = (domid_t)(10 + i);
        assert_int_equal(domain_introduce(&facts), 0);
        domain_release(facts.domid);
        if (i == 0)
            before = account_used; /* a list keeps its room */
    }
    assert_int_equal(account_used, before);
}

static void too_many(void **state)
{
    struct domain_facts facts = five;
    domid_t last = 10;

    (void)state;
    for (;; last++) {
        int error;

        facts.domid = last;
        facts.handle[15] = (uint8_t)last;
        error = domain_introduce(&facts);
        if (error) {
            assert_int_equal(error, -XEN_ENOSPC);
            break;
        }
    }
    assert_int_equal(last, 10 + STORE_DOMAINS - TALK_SESSIONS);
    while (last-- > 10)
        domain_release(last);
    /* No memory: nothing is left of the attempt. */
    size_t before = account_used, budget = account_budget, room = 0;
    int error;

    do {
        account_budget = account_used + room;
        error = domain_introduce(&five);
        account_budget = budget;
        if (error) {
            assert_int_equal(error, -XEN_ENOMEM);
            assert_false(domain_known(5));
            assert_int_equal(account_used, before);
        }
        room += 100;
    } while (error);
    assert_in_range(room, 4000, 40000);
    domain_release(5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(home, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(gone, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(named_before, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(gone_without_memory, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(rounds, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(too_many, talk_setup, talk_teardown),
    };

    return cmocka_run_group_tests_name("store: domains", tests, NULL, NULL);
}
