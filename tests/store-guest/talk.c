/* SPDX-License-Identifier: MIT */
/*
 * Clients that do nothing wrong.
 */
#include "jobs.h"

#include "clock.h"
#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char value[XENSTORE_ANSWER];

static bool reads(uint32_t transaction, const char *path, const char *want)
{
    return xenstore_read(transaction, path, value, sizeof(value)) == (long)strlen(want) &&
           !strcmp(value, want);
}

static bool fires(const char *path, const char *token)
{
    char got_path[256], got_token[64];

    return !xenstore_event(got_path, sizeof(got_path), got_token, sizeof(got_token)) &&
           !strcmp(got_path, path) && !strcmp(got_token, token);
}

static void check_nodes(void)
{
    CHECK(xenstore_write(0, "data/a/b", "one") == 0);
    CHECK(reads(0, "data/a/b", "one"));
    CHECK(xenstore_mkdir(0, "data/c") == 0);
    CHECK(xenstore_directory(0, "data", value, sizeof(value)) == 4 && !memcmp(value, "a\0c", 4));
    CHECK(xenstore_rm(0, "data/a") == 0);
    CHECK(xenstore_read(0, "data/a/b", value, sizeof(value)) == -XEN_ENOENT);
    CHECK(xenstore_write(0, "data//a", "x") == -XEN_EINVAL);
}

/* What the builder said, and what the store says of it. */
static void check_home(void)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%u", guest_start_info->store_evtchn);
    CHECK(reads(0, "store/port", text));
    (void)snprintf(text, sizeof(text), "%u", guest_start_info->console.domU.evtchn);
    CHECK(reads(0, "console/port", text));
    (void)snprintf(text, sizeof(text), "%lu", guest_start_info->console.domU.mfn);
    CHECK(reads(0, "console/ring-ref", text));
    CHECK(reads(0, "control/shutdown", ""));
    CHECK(xenstore_write(0, "control/shutdown", "") == 0);
    CHECK(xenstore_directory(0, "device", value, sizeof(value)) > 0);
}

static void check_refusals(void)
{
    CHECK(xenstore_write(0, "domid", "0") == -XEN_EACCES);
    CHECK(xenstore_write(0, "/new", "0") == -XEN_EACCES);
    CHECK(xenstore_directory(0, "/", value, sizeof(value)) == -XEN_EACCES);
    CHECK(xenstore_read(0, "/local/domain/0/name", value, sizeof(value)) == -XEN_EACCES);
    CHECK(xenstore_set_perms(0, "domid", "b1") == -XEN_EACCES);
    CHECK(xenstore_call(XS_INTRODUCE, 0, "5\0001\0002", 6, NULL, 0) == -XEN_EACCES);
    CHECK(xenstore_call(XS_WATCH_EVENT, 0, "a\0b", 4, NULL, 0) == -XEN_ENOSYS);
}

static void check_watches(void)
{
    CHECK(xenstore_watch("data/w", "token") == 0);
    CHECK(fires("data/w", "token"));
    CHECK(xenstore_write(0, "data/w/x", "1") == 0);
    CHECK(fires("data/w/x", "token"));
    CHECK(xenstore_rm(0, "data/w") == 0);
    CHECK(fires("data/w", "token"));
    CHECK(xenstore_unwatch("data/w", "token") == 0);
    CHECK(xenstore_unwatch("data/w", "token") == -XEN_ENOENT);
    CHECK(xenstore_write(0, "data/w", "1") == 0);
    CHECK(!xenstore_event_ready());
}

static void check_transactions(void)
{
    uint32_t first = 0, second = 0;

    CHECK(xenstore_write(0, "data/t", "0") == 0);
    CHECK(xenstore_transaction_start(&first) == 0);
    CHECK(xenstore_transaction_start(&second) == 0);
    CHECK(xenstore_write(first, "data/t", "1") == 0);
    CHECK(reads(first, "data/t", "1") && reads(0, "data/t", "0") && reads(second, "data/t", "0"));
    CHECK(xenstore_write(second, "data/t", "2") == 0);
    CHECK(xenstore_transaction_end(first, true) == 0);
    CHECK(reads(0, "data/t", "1"));
    CHECK(xenstore_transaction_end(second, true) == -XEN_EAGAIN);
    CHECK(reads(0, "data/t", "1"));
    CHECK(xenstore_transaction_end(second, true) == -XEN_ENOENT);
}

/* Both directions go round the ring more than once. */
static void check_long(void)
{
    char *text = malloc(2049);

    memset(text, 'v', 2048);
    text[2048] = 0;
    for (unsigned int i = 0; i < 5; i++) {
        CHECK(xenstore_write(0, "data/long", text) == 0);
        CHECK(reads(0, "data/long", text));
    }
    free(text);
}

void job_basic(void)
{
    char name[32] = "", domid[8] = "";

    CHECK(xenstore_read(0, "name", name, sizeof(name)) > 0);
    CHECK(xenstore_read(0, "domid", domid, sizeof(domid)) > 0);
    CHECK(xenstore_read(0, "memory/target", value, sizeof(value)) > 0);
    printf("I am %s, domain %s, and may have %s KiB\n", name, domid, value);
    check_home();
    check_nodes();
    check_refusals();
    check_watches();
    check_transactions();
    check_long();
    printf("all as it should be\n");
}

/* A node of this domain's, empty, which the peer may read (r) or write (w). */
static void node_open(const char *path, char right)
{
    char perms[32];

    CHECK(xenstore_read(0, "domid", value, sizeof(value)) > 0);
    (void)snprintf(perms, sizeof(perms), "n%ld %c%lu", strtol(value, NULL, 10), right,
                   number("peer", 0));
    CHECK(xenstore_write(0, path, "") == 0);
    CHECK(xenstore_set_perms(0, path, perms) == 0);
}

/* Its nodes end with it: it stays until the other has read them. */
void job_writer(void)
{
    node_open("data/answer", 'w');
    node_open("data/message", 'r');
    CHECK(xenstore_write(0, "data/message", "good morning") == 0);
    while (!reads(0, "data/answer", "thanks"))
        clock_sleep(10000000);
}

void job_reader(void)
{
    char path[64], got[64], token[8];

    (void)snprintf(path, sizeof(path), "/local/domain/%lu/data/message", number("peer", 0));
    CHECK(xenstore_watch(path, "m") == 0);
    do
        CHECK(xenstore_event(got, sizeof(got), token, sizeof(token)) == 0);
    while (xenstore_read(0, path, value, sizeof(value)) <= 0);
    CHECK(!strcmp(got, path));
    CHECK(xenstore_write(0, path, "mine") == -XEN_EACCES);
    printf("it says: %s\n", value);
    (void)snprintf(path, sizeof(path), "/local/domain/%lu/data/answer", number("peer", 0));
    CHECK(xenstore_write(0, path, "thanks") == 0);
}

void job_worker(void)
{
    uint64_t rounds = number("rounds", 200);
    char text[24];

    for (uint64_t i = 0; i < rounds; i++) {
        (void)snprintf(text, sizeof(text), "%lu", i);
        CHECK(xenstore_write(0, "data/round", text) == 0);
        CHECK(reads(0, "data/round", text));
    }
    printf("%lu rounds\n", rounds);
}

/* The node is opened by whoever is first; both count it up. */
void job_adder(void)
{
    uint64_t rounds = number("rounds", 20), again = 0;
    char path[64], text[24], perms[32];
    uint32_t t = 0;

    (void)snprintf(path, sizeof(path), "/local/domain/%lu/data/sum", number("at", 0));
    if (number("owner", 0)) {
        (void)snprintf(perms, sizeof(perms), "n%lu b%lu", number("at", 0), number("peer", 0));
        CHECK(xenstore_write(0, path, "0") == 0);
        CHECK(xenstore_set_perms(0, path, perms) == 0);
    } else {
        while (xenstore_read(0, path, value, sizeof(value)) < 0)
            clock_sleep(10000000);
    }
    for (uint64_t i = 0; i < rounds;) {
        CHECK(xenstore_transaction_start(&t) == 0);
        CHECK(xenstore_read(t, path, value, sizeof(value)) > 0);
        (void)snprintf(text, sizeof(text), "%lu", strtoul(value, NULL, 10) + 1);
        CHECK(xenstore_write(t, path, text) == 0);
        int error = xenstore_transaction_end(t, true);

        CHECK(error == 0 || error == -XEN_EAGAIN);
        if (error)
            again++;
        else
            i++;
    }
    while (number("owner", 0) && !reads(0, path, "40"))
        clock_sleep(10000000);
    printf("added %lu, %lu again\n", rounds, again);
}
