/* SPDX-License-Identifier: MIT */
/*
 * Watches: what they fire for, in which spelling, for whom; and a client that does not read.
 */
#include "talk.h"

#include <stdio.h>
#include <string.h>

static void fires(void **state)
{
    (void)state;
    DONE(1, XS_WATCH, 0, "data/a\0token\0");
    EVENT(1, "data/a\0token\0"); /* at once, once */
    NO_EVENT(1);
    DONE(1, XS_WRITE, 0, "data/a\0x");
    EVENT(1, "data/a\0token\0");
    DONE(1, XS_WRITE, 0, "data/a/b/c\0x");
    EVENT(1, "data/a/b/c\0token\0");
    DONE(1, XS_MKDIR, 0, "data/a/d\0");
    EVENT(1, "data/a/d\0token\0");
    DONE(1, XS_MKDIR, 0, "data/a/d\0"); /* was there */
    NO_EVENT(1);
    DONE(1, XS_SET_PERMS, 0, "data/a/d\0b1\0");
    EVENT(1, "data/a/d\0token\0");
    DONE(1, XS_WRITE, 0, "data/ab\0x"); /* a name that only begins so */
    DONE(1, XS_WRITE, 0, "data/b\0x");
    FAIL(1, XS_WRITE, 0, "domid\0x", "EACCES");
    OKAY(1, XS_READ, 0, "data/a\0", "x");
    NO_EVENT(1);
    DONE(1, XS_RM, 0, "data/a/b\0");
    EVENT(1, "data/a/b\0token\0");
    DONE(1, XS_RM, 0, "data/a/b\0");
    NO_EVENT(1);
    DONE(1, XS_RM, 0, "data/a\0");
    EVENT(1, "data/a\0token\0");
    DONE(1, XS_UNWATCH, 0, "data/a\0token\0");
    DONE(1, XS_WRITE, 0, "data/a\0x");
    NO_EVENT(1);
}

/* What a watch is under goes: it is told its own path, if it was there. */
static void removed_above(void **state)
{
    (void)state;
    DONE(1, XS_WRITE, 0, "data/a/b/c\0x");
    DONE(1, XS_WATCH, 0, "data/a/b\0t\0");
    DONE(1, XS_WATCH, 0, "data/a/none\0u\0");
    EVENT(1, "data/a/b\0t\0");
    EVENT(1, "data/a/none\0u\0");
    DONE(1, XS_RM, 0, "data/a\0");
    EVENT(1, "data/a/b\0t\0");
    NO_EVENT(1);
}

static void spelling(void **state)
{
    (void)state;
    DONE(1, XS_WATCH, 0, "/local/domain/1/data\0abs\0");
    DONE(1, XS_WATCH, 0, "data\0rel\0");
    EVENT(1, "/local/domain/1/data\0abs\0");
    EVENT(1, "data\0rel\0");
    DONE(1, XS_WRITE, 0, "/local/domain/1/data/x\0");
    EVENT(1, "/local/domain/1/data/x\0abs\0");
    EVENT(1, "data/x\0rel\0");
    /* The spellings name one path: the same token again is the same watch. */
    FAIL(1, XS_WATCH, 0, "data\0abs\0", "EEXIST");
    FAIL(1, XS_WATCH, 0, "data\0rel\0", "EEXIST");
    DONE(1, XS_UNWATCH, 0, "data\0abs\0");
    FAIL(1, XS_UNWATCH, 0, "data\0abs\0", "ENOENT");
    FAIL(1, XS_WATCH, 0, "data/\0t\0", "EINVAL");
    FAIL(1, XS_UNWATCH, 0, "data/\0t\0", "EINVAL");
    FAIL(1, XS_WATCH, 0, "data\0", "EINVAL");
    FAIL(1, XS_WATCH, 0, "data\0t", "EINVAL");
    FAIL(1, XS_UNWATCH, 0, "data\0", "EINVAL");
    DONE(1, XS_WATCH, 0, "data\0\0"); /* an empty token is one */
    EVENT(1, "data\0\0");
}

static void permissions(void **state)
{
    (void)state;
    DONE(2, XS_WATCH, 0, "/local/domain/1/data\0t\0");
    EVENT(2, "/local/domain/1/data\0t\0");
    DONE(1, XS_WRITE, 0, "data/a\0x");
    NO_EVENT(2);
    DONE(1, XS_SET_PERMS, 0, "data/a\0n1\0r2\0");
    EVENT(2, "/local/domain/1/data/a\0t\0");
    DONE(1, XS_WRITE, 0, "data/a\0y");
    EVENT(2, "/local/domain/1/data/a\0t\0");
    /* It goes while the domain can see it; what is left cannot be seen. */
    DONE(1, XS_RM, 0, "data/a\0");
    EVENT(2, "/local/domain/1/data/a\0t\0");
    DONE(1, XS_WRITE, 0, "data/a\0y");
    NO_EVENT(2);
    /* The same for a watch below what goes. */
    DONE(1, XS_WRITE, 0, "data/d/e\0y");
    DONE(2, XS_WATCH, 0, "/local/domain/1/data/d/e\0u\0");
    EVENT(2, "/local/domain/1/data/d/e\0u\0");
    DONE(1, XS_RM, 0, "data/d\0");
    NO_EVENT(2);
}

static void special(void **state)
{
    (void)state;
    DONE(0, XS_WATCH, 0, "@releaseDomain\0t\0");
    DONE(0, XS_WATCH, 0, "@introduceDomain\0u\0");
    DONE(1, XS_WATCH, 0, "@releaseDomain\0t\0");
    EVENT(0, "@releaseDomain\0t\0");
    EVENT(0, "@introduceDomain\0u\0");
    EVENT(1, "@releaseDomain\0t\0");
    assert_true(domain_shut_down(3));
    assert_false(domain_shut_down(3));
    assert_false(domain_shut_down(9));
    EVENT(0, "@releaseDomain\0t\0");
    NO_EVENT(0);
    NO_EVENT(1); /* not the business of a guest */
}

/* Events that wait are one where they are equal, and few where the client never reads. */
static void unread(void **state)
{
    char payload[64], want[64];
    int length;

    (void)state;
    DONE(1, XS_WATCH, 0, "data\0t\0");
    DONE(1, XS_WATCH, 0, "control/shutdown\0u\0");
    EVENT(1, "data\0t\0");
    EVENT(1, "control/shutdown\0u\0");
    for (unsigned int i = 0; i < 5; i++)
        DONE(1, XS_WRITE, 0, "data/same\0x");
    EVENT(1, "data/same\0t\0");
    NO_EVENT(1);
    for (unsigned int i = 0; i < QUOTA_EVENTS + 100; i++) {
        length = snprintf(payload, sizeof(payload), "data/%u", i);
        talk_expect(1, XS_MKDIR, 0, payload, (size_t)length + 1, XS_MKDIR, "OK", 3);
    }
    DONE(1, XS_WRITE, 0, "control/shutdown\0halt");
    for (unsigned int i = 0; i < QUOTA_EVENTS; i++) {
        /* Whoever is behind stays so until that is said: there is room again after the first. */
        if (i == 1)
            DONE(1, XS_WRITE, 0, "data/late\0x");
        length = snprintf(want, sizeof(want), "data/%u%ct", i, 0);
        talk_expect_event(1, want, (size_t)length + 1);
    }
    /* For the rest each watch says that there was something. */
    EVENT(1, "data\0t\0");
    EVENT(1, "control/shutdown\0u\0");
    NO_EVENT(1);
    DONE(1, XS_WRITE, 0, "data/again\0x");
    EVENT(1, "data/again\0t\0");
    /* A watch that goes takes its events along. */
    DONE(1, XS_WRITE, 0, "data/1\0x");
    DONE(1, XS_WRITE, 0, "control/shutdown\0");
    DONE(1, XS_WRITE, 0, "data/2\0x");
    DONE(1, XS_UNWATCH, 0, "data\0t\0");
    EVENT(1, "control/shutdown\0u\0");
    NO_EVENT(1);
}

static void quotas(void **state)
{
    char payload[XENSTORE_PAYLOAD_MAX] = "data";
    int length;

    (void)state;
    for (unsigned int i = 0; i < QUOTA_WATCHES; i++) {
        length = snprintf(payload, sizeof(payload), "data%c%u", 0, i);
        talk_expect(1, XS_WATCH, 0, payload, (size_t)length + 1, XS_WATCH, "OK", 3);
    }
    FAIL(1, XS_WATCH, 0, "data\0more\0", "E2BIG");
    DONE(1, XS_RESET_WATCHES, 0, "\0");
    NO_EVENT(1);
    DONE(1, XS_WATCH, 0, "data\0t\0");
    DONE(1, XS_RESET_WATCHES, 0, "\0");
    /* Long tokens are the client's own memory. */
    memset(payload + 5, 't', sizeof(payload) - 5);
    for (unsigned int i = 0;; i++) {
        const struct message *got;

        (void)snprintf(payload + 5, 8, "%06u", i);
        payload[11] = 't';
        payload[sizeof(payload) - 1] = 0;
        got = talk_ask(1, XS_WATCH, 0, payload, sizeof(payload));
        if (got->header.type == XS_ERROR) {
            assert_string_equal(got->payload, "ENOMEM");
            assert_in_range(i, QUOTA_BYTES / sizeof(payload) - 4, QUOTA_BYTES / sizeof(payload));
            break;
        }
    }
    /* Then there is no room for events either; they are not lost, and nobody else notices. */
    DONE(2, XS_WATCH, 0, "data\0t\0");
    EVENT(2, "data\0t\0");
    /* An event longer than a message is never sent. */
    DONE(1, XS_RESET_WATCHES, 0, "\0");
    talk_expect(1, XS_WATCH, 0, payload, sizeof(payload), XS_WATCH, "OK", 3);
    talk_expect_event(1, payload, sizeof(payload));
    DONE(1, XS_WRITE, 0, "data/longer\0");
    NO_EVENT(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fires, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(removed_above, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(spelling, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(permissions, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(special, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(unread, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(quotas, talk_setup, talk_teardown),
    };

    return cmocka_run_group_tests_name("store: watches", tests, NULL, NULL);
}
