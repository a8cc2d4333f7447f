/* SPDX-License-Identifier: MIT */
/*
 * Transactions: a view of their own, all or nothing at the end, and conflicts where there is one.
 */
#include "talk.h"

#include <stdio.h>
#include <string.h>

static void isolated(void **state)
{
    uint32_t t;

    (void)state;
    DONE(1, XS_WRITE, 0, "data/a\0old");
    t = talk_start(1);
    DONE(1, XS_WATCH, 0, "data\0w\0");
    EVENT(1, "data\0w\0");
    DONE(1, XS_WRITE, t, "data/b/c\0new");
    DONE(1, XS_RM, t, "data/a\0");
    OKAY(1, XS_READ, t, "data/b/c\0", "new");
    OKAY(1, XS_DIRECTORY, t, "data\0", "b\0");
    OKAY(1, XS_DIRECTORY, 0, "data\0", "a\0");
    FAIL(1, XS_READ, 0, "data/b/c\0", "ENOENT");
    NO_EVENT(1);
    DONE(1, XS_TRANSACTION_END, t, "T\0");
    EVENT(1, "data/b/c\0w\0");
    EVENT(1, "data/a\0w\0");
    NO_EVENT(1);
    OKAY(1, XS_DIRECTORY, 0, "data\0", "b\0");
    FAIL(1, XS_TRANSACTION_END, t, "T\0", "ENOENT");
    /* Given up. */
    t = talk_start(1);
    DONE(1, XS_WRITE, t, "data/x\0new");
    DONE(1, XS_TRANSACTION_END, t, "F\0");
    FAIL(1, XS_READ, 0, "data/x\0", "ENOENT");
    NO_EVENT(1);
}

static void conflicts(void **state)
{
    uint32_t t, u;

    (void)state;
    DONE(1, XS_WRITE, 0,
         "data/a\0"
         "0");
    /* Somebody wrote what was read. */
    t = talk_start(1);
    OKAY(1, XS_READ, t, "data/a\0", "0");
    DONE(1, XS_WRITE, 0,
         "data/a\0"
         "1");
    OKAY(1, XS_READ, t, "data/a\0", "0");
    FAIL(1, XS_TRANSACTION_END, t, "T\0", "EAGAIN");
    /* The same value is a write, too; so are permissions; so is making what was not there. */
    t = talk_start(1);
    FAIL(1, XS_READ, t, "data/b\0", "ENOENT");
    DONE(1, XS_WRITE, 0, "data/b\0");
    FAIL(1, XS_TRANSACTION_END, t, "T\0", "EAGAIN");
    t = talk_start(1);
    OKAY(1, XS_READ, t, "data/b\0", "");
    DONE(1, XS_SET_PERMS, 0, "data/b\0n1\0");
    FAIL(1, XS_TRANSACTION_END, t, "T\0", "EAGAIN");
    /* A list of names is read apart from the node. */
    t = talk_start(1);
    u = talk_start(1);
    OKAY(1, XS_DIRECTORY, t, "data\0", "a\0b\0");
    OKAY(1, XS_READ, u, "data\0", "");
    DONE(1, XS_WRITE, 0, "data/c\0");
    FAIL(1, XS_TRANSACTION_END, t, "T\0", "EAGAIN");
    DONE(1, XS_TRANSACTION_END, u, "T\0");
    t = talk_start(1);
    OKAY(1, XS_DIRECTORY, t, "data\0", "a\0b\0c\0");
    DONE(1, XS_RM, 0, "data/c\0");
    FAIL(1, XS_TRANSACTION_END, t, "T\0", "EAGAIN");
    t = talk_start(1);
    OKAY(1, XS_DIRECTORY, t, "data\0", "a\0b\0");
    DONE(1, XS_WRITE, 0, "data/b\0other");
    DONE(1, XS_TRANSACTION_END, t, "T\0");
    /* Two write the same; the second to end has lost, and nothing of it is seen. */
    t = talk_start(1);
    u = talk_start(1);
    DONE(1, XS_WRITE, t, "data/a\0t");
    DONE(1, XS_WRITE, u, "data/d\0u");
    DONE(1, XS_WRITE, u, "data/a\0u");
    DONE(1, XS_TRANSACTION_END, t, "T\0");
    FAIL(1, XS_TRANSACTION_END, u, "T\0", "EAGAIN");
    OKAY(1, XS_READ, 0, "data/a\0", "t");
    FAIL(1, XS_READ, 0, "data/d\0", "ENOENT");
}

/* Others' work elsewhere makes nobody repeat anything. */
static void beside(void **state)
{
    uint32_t t = talk_start(1), u = talk_start(2);

    (void)state;
    DONE(1, XS_WRITE, t,
         "data/a\0"
         "1");
    DONE(2, XS_WRITE, u,
         "data/a\0"
         "2");
    DONE(3, XS_WRITE, 0,
         "data/a\0"
         "3");
    OKAY(1, XS_DIRECTORY, t, "data\0", "a\0");
    DONE(1, XS_WRITE, 0, "error/x\0");
    DONE(2, XS_TRANSACTION_END, u, "T\0");
    DONE(1, XS_TRANSACTION_END, t, "T\0");
    OKAY(1, XS_READ, 0, "data/a\0", "1");
    OKAY(1, XS_READ, 0, "error/x\0", "");
    OKAY(2, XS_READ, 0, "data/a\0", "2");
    OKAY(3, XS_READ, 0, "data/a\0", "3");
}

/* What was allowed when it was tried is not when it is done. */
static void refused_at_the_end(void **state)
{
    uint32_t t;

    (void)state;
    DONE(1, XS_SET_PERMS, 0, "data\0b1\0");
    t = talk_start(2);
    DONE(2, XS_WRITE, t, "/local/domain/1/data/of2\0x");
    DONE(1, XS_SET_PERMS, 0, "data\0n1\0");
    FAIL(2, XS_TRANSACTION_END, t, "T\0", "EAGAIN");
    FAIL(1, XS_READ, 0, "data/of2\0", "ENOENT");
}

static void misuse(void **state)
{
    uint32_t t = talk_start(1);

    (void)state;
    FAIL(1, XS_TRANSACTION_START, t, "\0", "EBUSY");
    FAIL(1, XS_READ, t + 100, "domid\0", "ENOENT");
    FAIL(1, XS_WRITE, t + 100, "data/a\0", "ENOENT");
    FAIL(1, XS_TRANSACTION_END, t, "X\0", "EINVAL");
    FAIL(1, XS_TRANSACTION_END, t, "", "EINVAL");
    FAIL(1, XS_TRANSACTION_END, 0, "T\0", "ENOENT");
    /* Another's is nobody's. */
    FAIL(2, XS_TRANSACTION_END, t, "T\0", "ENOENT");
    FAIL(2, XS_READ, t, "domid\0", "ENOENT");
    FAIL(1, XS_WRITE, t, "domid\0x", "EACCES");
    FAIL(1, XS_SET_PERMS, t, "data/none\0n1\0", "ENOENT");
    DONE(1, XS_TRANSACTION_END, t, "T\0");
    t = talk_start(1);
    DONE(1, XS_RESET_WATCHES, 0, "\0");
    FAIL(1, XS_TRANSACTION_END, t, "F\0", "ENOENT");
}

static void quotas(void **state)
{
    char payload[64];
    uint32_t t = 0;

    (void)state;
    for (unsigned int i = 0; i < QUOTA_TRANSACTIONS; i++)
        t = talk_start(1);
    FAIL(1, XS_TRANSACTION_START, 0, "\0", "ENOSPC");
    assert_int_not_equal(talk_start(2), 0);
    for (unsigned int i = 0; i < QUOTA_CHANGES; i++) {
        int length = snprintf(payload, sizeof(payload), "data/%u", i);

        talk_expect(1, XS_WRITE, t, payload, (size_t)length + 1, XS_WRITE, "OK", 3);
    }
    FAIL(1, XS_WRITE, t, "data/more\0", "ENOSPC");
    FAIL(1, XS_READ, t, "data/more\0", "ENOSPC");
    OKAY(1, XS_READ, t, "data/1\0", "");
    DONE(1, XS_TRANSACTION_END, t, "T\0");
    OKAY(1, XS_READ, 0, "data/511\0", "");
    t = talk_start(1);
    for (unsigned int i = 0; i < QUOTA_CHANGES; i++)
        DONE(1, XS_WRITE, t, "data/1\0again");
    FAIL(1, XS_WRITE, t, "data/1\0again", "ENOSPC");
    DONE(1, XS_TRANSACTION_END, t, "F\0");
    /* Each fits, both do not. */
    t = talk_start(1);
    for (unsigned int i = tree_tally(&store_tree, 1)->nodes; i < QUOTA_NODES - 2; i++) {
        int length = snprintf(payload, sizeof(payload), "data/t%u", i);

        talk_expect(1, XS_WRITE, t, payload, (size_t)length + 1, XS_WRITE, "OK", 3);
    }
    DONE(1, XS_WRITE, 0, "data/x1\0");
    DONE(1, XS_WRITE, 0, "data/x2\0");
    DONE(1, XS_WRITE, 0, "data/x3\0");
    FAIL(1, XS_TRANSACTION_END, t, "T\0", "ENOSPC");
    FAIL(1, XS_READ, 0, "data/t997\0", "ENOENT");
}

/* When memory is short, those who hold most old versions of the tree repeat first. */
static void memory(void **state)
{
    uint32_t hoarder[4], other = talk_start(2);
    char payload[QUOTA_VALUE] = "data/x";

    (void)state;
    OKAY(2, XS_READ, other, "domid\0", "2");
    for (unsigned int i = 0; i < 4; i++) {
        talk_expect(1, XS_WRITE, 0, payload, sizeof(payload), XS_WRITE, "OK", 3);
        hoarder[i] = talk_start(1);
    }
    account_budget = account_used + 3 * sizeof(payload) / 2;
    talk_expect(1, XS_WRITE, 0, payload, sizeof(payload), XS_WRITE, "OK", 3);
    FAIL(1, XS_READ, hoarder[0], "domid\0", "EAGAIN");
    FAIL(1, XS_WRITE, hoarder[0], "data/x\0", "EAGAIN");
    FAIL(1, XS_TRANSACTION_END, hoarder[0], "T\0", "EAGAIN");
    DONE(1, XS_TRANSACTION_END, hoarder[1], "F\0");
    DONE(2, XS_WRITE, other, "data/x\0y");
    DONE(2, XS_TRANSACTION_END, other, "T\0");
    OKAY(2, XS_READ, 0, "data/x\0", "y");
}

/* The one that asks is not given up for itself. */
static void memory_of_one(void **state)
{
    size_t budget = account_budget;
    uint32_t t = talk_start(1);

    (void)state;
    DONE(1, XS_WRITE, t, "data/a\0x");
    for (size_t room = 0; room < 1000; room += 50) {
        account_budget = account_used + room;
        FAIL(1, XS_WRITE, t, "data/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p\0x", "ENOMEM");
    }
    account_budget = budget;
    OKAY(1, XS_DIRECTORY, t, "data\0", "a\0");
    DONE(1, XS_TRANSACTION_END, t, "T\0");
    OKAY(1, XS_READ, 0, "data/a\0", "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(isolated, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(conflicts, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(beside, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(refused_at_the_end, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(misuse, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(quotas, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(memory, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(memory_of_one, talk_setup, talk_teardown),
    };

    return cmocka_run_group_tests_name("store: transactions", tests, NULL, NULL);
}
