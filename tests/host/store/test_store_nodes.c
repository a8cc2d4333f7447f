/* SPDX-License-Identifier: MIT */
/*
 * Nodes, paths, permissions and quotas, as requests see them.
 */
#include "talk.h"

#include <stdio.h>
#include <string.h>

#include "path.h"

static void write_read(void **state)
{
    (void)state;
    DONE(1, XS_WRITE, 0, "data/a/b\0one");
    OKAY(1, XS_READ, 0, "data/a/b\0", "one");
    OKAY(1, XS_READ, 0, "/local/domain/1/data/a/b\0", "one");
    OKAY(1, XS_READ, 0, "data/a\0", "");
    DONE(1, XS_WRITE, 0, "data/a/b\0two\0with nul");
    OKAY(1, XS_READ, 0, "data/a/b\0", "two\0with nul");
    DONE(1, XS_WRITE, 0, "data/a/b\0");
    OKAY(1, XS_READ, 0, "data/a/b\0", "");
    FAIL(1, XS_READ, 0, "data/x\0", "ENOENT");
    OKAY(1, XS_READ, 0, "domid\0", "1");
    OKAY(1, XS_READ, 0, "name\0", "guest-1");
}

static void directories(void **state)
{
    (void)state;
    OKAY(1, XS_DIRECTORY, 0, "data\0", "");
    DONE(1, XS_MKDIR, 0, "data/b\0");
    DONE(1, XS_WRITE, 0, "data/ab\0x");
    DONE(1, XS_WRITE, 0, "data/a/1\0x");
    DONE(1, XS_MKDIR, 0, "data/a\0");
    OKAY(1, XS_DIRECTORY, 0, "data\0", "a\0ab\0b\0");
    DONE(1, XS_MKDIR, 0, "data/ab\0");
    OKAY(1, XS_READ, 0, "data/ab\0", "x");
    DONE(1, XS_RM, 0, "data/a\0");
    OKAY(1, XS_DIRECTORY, 0, "data\0", "ab\0b\0");
    FAIL(1, XS_READ, 0, "data/a/1\0", "ENOENT");
    DONE(1, XS_RM, 0, "data/a\0");
    FAIL(1, XS_RM, 0, "data/a/1\0", "ENOENT");
    FAIL(0, XS_RM, 0, "/\0", "EINVAL");
}

static void big_directory(void **state)
{
    char path[64], list[8192], want[XENSTORE_PAYLOAD_MAX];
    size_t length = 0, at = 0;
    unsigned int parts = 0;

    (void)state;
    for (unsigned int i = 0; i < 400; i++) {
        int size = snprintf(path, sizeof(path), "data/entry-number-%03u", i);

        talk_expect(1, XS_WRITE, 0, path, (size_t)size + 1, XS_WRITE, "OK", 3);
        length += (size_t)snprintf(list + length, sizeof(list) - length, "entry-number-%03u", i) +
                  1;
    }
    FAIL(1, XS_DIRECTORY, 0, "data\0", "E2BIG");
    for (;; parts++) {
        int size = snprintf(path, sizeof(path), "data%c%zu", 0, at);
        const struct message *got = talk_ask(1, XS_DIRECTORY_PART, 0, path, (size_t)size + 1);
        size_t skip = strlen(got->payload) + 1, more = got->header.len - skip;

        assert_int_equal(got->header.type, XS_DIRECTORY_PART);
        if (parts == 0)
            memcpy(want, got->payload, skip);
        /* The same generation says that the parts fit together. */
        assert_memory_equal(want, got->payload, skip);
        if (at + more > length) {
            assert_int_equal(at + more, length + 1);
            assert_memory_equal(list + at, got->payload + skip, more - 1);
            assert_int_equal(got->payload[got->header.len - 1], 0);
            break;
        }
        assert_memory_equal(list + at, got->payload + skip, more);
        at += more;
    }
    assert_int_equal(parts, 1);
    DONE(1, XS_WRITE, 0, "data/more\0");
    assert_string_not_equal(talk_ask(1, XS_DIRECTORY_PART, 0,
                                     "data\0"
                                     "0\0",
                                     7)
                                ->payload,
                            want);
    FAIL(1, XS_DIRECTORY_PART, 0, "data\0", "EINVAL");
    FAIL(1, XS_DIRECTORY_PART, 0, "data\0x\0", "EINVAL");
    FAIL(1, XS_DIRECTORY_PART, 0,
         "nothing\0"
         "0\0",
         "ENOENT");
}

static void bad_paths(void **state)
{
    static const char *const bad[] = {
        "",        "data/",    "/local//domain",  "data//a",
        "/local/", "data/a b", "data/\xc3\xa4",   "data/a.b",
        "//",      "data/%",   "@releaseDomain/", ".",
    };
    char path[XENSTORE_ABS_PATH_MAX + 2];

    (void)state;
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        talk_expect(1, XS_WRITE, 0, bad[i], strlen(bad[i]) + 1, XS_ERROR, "EINVAL", 7);
    FAIL(1, XS_READ, 0, "domid", "EINVAL");          /* no nul */
    FAIL(1, XS_READ, 0, "", "EINVAL");               /* nothing */
    FAIL(1, XS_READ, 0, "domid\0domid\0", "EINVAL"); /* too many */
    FAIL(1, XS_WRITE, 0, "data", "EINVAL");
    /* The longest of each kind, and one more. */
    memset(path, 'a', sizeof(path));
    memcpy(path, "data/", 5);
    path[XENSTORE_REL_PATH_MAX] = 0;
    talk_expect(1, XS_WRITE, 0, path, XENSTORE_REL_PATH_MAX + 1, XS_WRITE, "OK", 3);
    path[XENSTORE_REL_PATH_MAX] = 'a';
    path[XENSTORE_REL_PATH_MAX + 1] = 0;
    talk_expect(1, XS_WRITE, 0, path, XENSTORE_REL_PATH_MAX + 2, XS_ERROR, "EINVAL", 7);
    memset(path, 'a', sizeof(path));
    memcpy(path, "/local/domain/1/data/", 21);
    path[XENSTORE_ABS_PATH_MAX] = 0;
    talk_expect(1, XS_WRITE, 0, path, XENSTORE_ABS_PATH_MAX + 1, XS_WRITE, "OK", 3);
    path[XENSTORE_ABS_PATH_MAX] = 'a';
    path[XENSTORE_ABS_PATH_MAX + 1] = 0;
    talk_expect(1, XS_WRITE, 0, path, XENSTORE_ABS_PATH_MAX + 2, XS_ERROR, "EINVAL", 7);
}

/* As deep as a path can be: nothing in the store may go down by recursion. */
static void deep(void **state)
{
    char path[XENSTORE_ABS_PATH_MAX + 1] = "/local/domain/1/data";
    size_t length = strlen(path);

    (void)state;
    while (length + 2 <= XENSTORE_ABS_PATH_MAX) {
        memcpy(path + length, "/d", 3);
        length += 2;
    }
    /* More nodes than a domain may own; domain 0 may. */
    talk_expect(1, XS_MKDIR, 0, path, length + 1, XS_ERROR, "ENOSPC", 7);
    FAIL(1, XS_READ, 0, "data/d\0", "ENOENT");
    talk_expect(0, XS_MKDIR, 0, path, length + 1, XS_MKDIR, "OK", 3);
    talk_expect(0, XS_READ, 0, path, length + 1, XS_READ, "", 0);
    DONE(0, XS_RM, 0, "/local/domain/1/data/d\0");
    assert_null(node_find(store_tree.root, path));
}

static void permissions(void **state)
{
    (void)state;
    OKAY(1, XS_GET_PERMS, 0, "domid\0", "n0\0r1\0");
    OKAY(1, XS_GET_PERMS, 0, "data\0", "n1\0");
    /* What is another's cannot be seen, nor whether it exists. */
    FAIL(2, XS_READ, 0, "/local/domain/1/data\0", "EACCES");
    FAIL(2, XS_READ, 0, "/local/domain/1/nothing\0", "EACCES");
    FAIL(2, XS_DIRECTORY, 0, "/local/domain/1\0", "EACCES");
    FAIL(2, XS_GET_PERMS, 0, "/local/domain/1/data\0", "EACCES");
    FAIL(2, XS_WRITE, 0, "/local/domain/1/data/a\0x", "EACCES");
    FAIL(2, XS_RM, 0, "/local/domain/1/data\0", "EACCES");
    FAIL(1, XS_WRITE, 0,
         "domid\0"
         "2",
         "EACCES");
    FAIL(1, XS_WRITE, 0, "new\0", "EACCES");
    FAIL(1, XS_MKDIR, 0, "/new\0", "EACCES");
    FAIL(1, XS_RM, 0, "/local/domain/1\0", "EACCES");
    FAIL(1, XS_SET_PERMS, 0, "domid\0n1\0", "EACCES");
    /* Given to one. */
    DONE(1, XS_WRITE, 0, "data/a\0x");
    DONE(1, XS_SET_PERMS, 0, "data/a\0n1\0r2\0");
    OKAY(2, XS_READ, 0, "/local/domain/1/data/a\0", "x");
    FAIL(2, XS_WRITE, 0, "/local/domain/1/data/a\0y", "EACCES");
    FAIL(2, XS_SET_PERMS, 0, "/local/domain/1/data/a\0b2\0", "EACCES");
    FAIL(3, XS_READ, 0, "/local/domain/1/data/a\0", "EACCES");
    /* To all but one; what is made below is the maker's. */
    DONE(1, XS_SET_PERMS, 0, "data/a\0b1\0n3\0");
    DONE(2, XS_WRITE, 0, "/local/domain/1/data/a/c\0z");
    FAIL(2, XS_SET_PERMS, 0, "/local/domain/1/data/a\0n1\0", "EACCES");
    OKAY(2, XS_GET_PERMS, 0, "/local/domain/1/data/a/c\0", "b2\0n3\0");
    FAIL(3, XS_READ, 0, "/local/domain/1/data/a\0", "EACCES");
    /* Only for writing. */
    DONE(1, XS_SET_PERMS, 0, "data/a\0w1\0");
    FAIL(2, XS_READ, 0, "/local/domain/1/data/a\0", "EACCES");
    DONE(2, XS_WRITE, 0, "/local/domain/1/data/a\0y");
    /* Of two entries for a domain the first holds. */
    DONE(1, XS_SET_PERMS, 0, "data/a\0n1\0r2\0n2\0w3\0r3\0");
    OKAY(2, XS_READ, 0, "/local/domain/1/data/a\0", "y");
    FAIL(3, XS_READ, 0, "/local/domain/1/data/a\0", "EACCES");
    /* The owner stays. */
    FAIL(1, XS_SET_PERMS, 0, "data/a\0n2\0", "EPERM");
    DONE(0, XS_SET_PERMS, 0, "/local/domain/1/data/a\0n2\0");
    FAIL(1, XS_READ, 0, "data/a\0", "EACCES");
    OKAY(0, XS_READ, 0, "/local/domain/1/data/a\0", "y");
}

static void bad_permissions(void **state)
{
    static const char *const bad[] = {
        "", "n", "x1", "n-1", "n1x", "n99999", "n32752", "1", "n 1"
    };

    (void)state;
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char payload[32];
        int length = snprintf(payload, sizeof(payload), "data%c%s", 0, bad[i]);

        talk_expect(1, XS_SET_PERMS, 0, payload, (size_t)length + 1, XS_ERROR, "EINVAL", 7);
    }
    FAIL(1, XS_SET_PERMS, 0, "data\0", "EINVAL");
    FAIL(1, XS_SET_PERMS, 0, "data\0n1", "EINVAL");
    DONE(1, XS_SET_PERMS, 0, "data\0n1\0r2\0r3\0r4\0r5\0");
    FAIL(1, XS_SET_PERMS, 0, "data\0n1\0r2\0r3\0r4\0r5\0r6\0", "ENOSPC");
    FAIL(1, XS_SET_PERMS, 0, "data/none\0n1\0", "ENOENT");
}

static void quotas(void **state)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    unsigned int made = 0;

    (void)state;
    memset(payload, 'v', sizeof(payload));
    memcpy(payload, "data/big", 9);
    talk_expect(1, XS_WRITE, 0, payload, 9 + QUOTA_VALUE, XS_WRITE, "OK", 3);
    talk_expect(1, XS_WRITE, 0, payload, 9 + QUOTA_VALUE + 1, XS_ERROR, "ENOSPC", 7);
    talk_expect(0, XS_WRITE, 0, payload, 9 + QUOTA_VALUE + 1, XS_WRITE, "OK", 3);
    DONE(1, XS_RM, 0, "data/big\0");
    /* Many small nodes. */
    for (;; made++) {
        int length = snprintf(payload, sizeof(payload), "data/%u", made);

        if (talk_ask(1, XS_WRITE, 0, payload, (size_t)length + 1)->header.type == XS_ERROR)
            break;
    }
    assert_in_range(made, QUOTA_NODES - 20, QUOTA_NODES);
    assert_string_equal(talk_ask(1, XS_MKDIR, 0, "data/x", 7)->payload, "ENOSPC");
    assert_int_equal(tree_tally(&store_tree, 1)->nodes, QUOTA_NODES);
    /* What is there can still be changed; others are not concerned. */
    DONE(1, XS_SET_PERMS, 0, "data/1\0r1\0");
    assert_int_equal(tree_tally(&store_tree, 1)->nodes, QUOTA_NODES);
    DONE(1, XS_WRITE, 0, "data/1\0new");
    DONE(2, XS_WRITE, 0, "data/1\0new");
    DONE(1, XS_RM, 0, "data/1\0");
    DONE(1, XS_WRITE, 0, "data/x\0");
    DONE(1, XS_RM, 0, "data\0");
    FAIL(1, XS_MKDIR, 0, "data\0", "EACCES");
    /* Few big ones. */
    for (made = 0;; made++) {
        int length = snprintf(payload, sizeof(payload), "control/shutdown/%u", made);

        if (talk_ask(1, XS_WRITE, 0, payload, (size_t)length + 1 + QUOTA_VALUE)->header.type ==
            XS_ERROR)
            break;
    }
    assert_in_range(made, QUOTA_BYTES / QUOTA_VALUE - 12, QUOTA_BYTES / QUOTA_VALUE);
}

/* In a small store everybody has less, so that there is something for everybody. */
static void small_store(void **state)
{
    char payload[QUOTA_VALUE] = "data/a";
    size_t budget = account_budget;
    unsigned int made[3] = { 0 };

    (void)state;
    account_init(4UL << 20);
    assert_int_equal(account_share, (4UL << 20) / 4 / STORE_DOMAINS);
    for (domid_t who = 1; who <= 2; who++)
        for (;; made[who]++) {
            payload[5] = (char)('a' + made[who]);
            if (talk_ask(who, XS_WRITE, 0, payload, sizeof(payload))->header.type == XS_ERROR)
                break;
        }
    assert_in_range(made[1], account_share / QUOTA_VALUE - 6, account_share / QUOTA_VALUE);
    assert_int_equal(made[1], made[2]);
    account_init(budget);
    assert_int_equal(account_share, QUOTA_BYTES);
}

static void other_requests(void **state)
{
    (void)state;
    OKAY(1, XS_GET_DOMAIN_PATH, 0, "7\0", "/local/domain/7\0");
    OKAY(1, XS_IS_DOMAIN_INTRODUCED, 0, "2\0", "T\0");
    OKAY(1, XS_IS_DOMAIN_INTRODUCED, 0, "7\0", "F\0");
    FAIL(1, XS_GET_DOMAIN_PATH, 0, "x\0", "EINVAL");
    FAIL(1, XS_GET_DOMAIN_PATH, 0, "70000\0", "EINVAL");
    FAIL(1, XS_GET_DOMAIN_PATH, 0, "4294967297\0", "EINVAL");
    FAIL(1, XS_INTRODUCE, 0,
         "1\0"
         "2\0"
         "3\0",
         "EACCES");
    FAIL(1, XS_RELEASE, 0, "2\0", "EACCES");
    FAIL(1, XS_RESUME, 0, "2\0", "EACCES");
    FAIL(1, XS_SET_TARGET, 0,
         "1\0"
         "2\0",
         "EACCES");
    FAIL(1, XS_CONTROL, 0, "help\0", "EACCES");
    FAIL(1, XS_WATCH_EVENT, 0, "a\0b\0", "ENOSYS");
    FAIL(1, XS_ERROR, 0, "EIO\0", "ENOSYS");
    FAIL(1, XS_SET_TARGET + 1, 0, "", "ENOSYS");
    FAIL(1, XS_TYPE_COUNT, 0, "", "ENOSYS");
    FAIL(1, 0xffffffff, 0, "", "ENOSYS");
}

/* No byte too many is read or written, whatever a request is made of, and without memory. */
static void nonsense(void **state)
{
    static const char words[] = "data\0/local/domain/1\0@a\0"
                                "0\0"
                                "5\0T\0F\0n1\0r2\0data/a/b\0\0//";
    uint64_t seed = 1;
    size_t budget = account_budget;

    (void)state;
    for (unsigned int i = 0; i < 60000; i++) {
        char payload[XENSTORE_PAYLOAD_MAX];
        size_t length = 0;
        unsigned int pieces;

        seed = seed * 6364136223846793005 + 1442695040888963407;
        pieces = seed >> 61;
        while (pieces--) {
            size_t from, bytes;

            seed = seed * 6364136223846793005 + 1442695040888963407;
            from = (seed >> 33) % sizeof(words);
            bytes = (seed >> 50) % (sizeof(words) - from + 1);
            memcpy(payload + length, words + from, bytes);
            length += bytes;
        }
        account_budget = seed >> 63 ? budget : account_used + (seed >> 40) % 2048;
        (void)talk_ask(1 + i % 3, (seed >> 20) % (XS_TYPE_COUNT + 1), (seed >> 10) % 4, payload,
                       length);
    }
    account_budget = budget;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(write_read, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(directories, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(big_directory, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(bad_paths, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(deep, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(permissions, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(bad_permissions, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(quotas, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(small_store, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(other_requests, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(nonsense, talk_setup, talk_teardown),
    };

    return cmocka_run_group_tests_name("store: nodes", tests, NULL, NULL);
}
