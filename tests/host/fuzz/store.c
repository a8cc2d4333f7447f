/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target "store": requests of three domains to the store, in transactions and outside, with
 * domains that come and go, events that are taken or not, and memory that runs short.
 *
 * A step is three bytes and a payload: what (a request's type, or more), who and in which transaction,
 * and how long the payload is; a payload's byte below 24 stands for a word. After every step the tree
 * is looked through and counted again; at the end nothing is left allocated.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "homes.h"
#include "path.h"
#include "request.h"

#define SESSIONS 3u
#define BUDGET   (256u * 1024)
#define WORD(text)             \
    {                          \
        text, sizeof(text) - 1 \
    }

static const struct {
    const char *text;
    size_t length;
} words[24] = {
    WORD("\0"),
    WORD("/"),
    WORD("a"),
    WORD("b"),
    WORD("data"),
    WORD("/local/domain/1/data"),
    WORD("/a"),
    WORD("/b"),
    WORD("/local/domain/2"),
    WORD("/local/domain/3/data/a"),
    WORD("T\0"),
    WORD("F\0"),
    WORD("n1\0"),
    WORD("b2\0"),
    WORD("r3\0"),
    WORD("@releaseDomain\0"),
    WORD("0\0"),
    WORD("10\0"),
    WORD("data\0"),
    WORD("data/a\0"),
    WORD("data/a/b\0"),
    WORD("token\0"),
    WORD("/local/domain/1/data\0"),
    WORD("control/shutdown\0"),
};

/* Beyond the types of requests. */
enum {
    DO_RELEASE = XS_TYPE_COUNT,
    DO_INTRODUCE,
    DO_EVENT,
    DO_SHORTAGE,
    DO_PLENTY,
    DO_RESET,
    DO_COUNT
};

static struct session session[SESSIONS];
static bool open[SESSIONS];
static uint32_t ids[SESSIONS][3];
static struct message in, out;

/* A domain that the store knows becomes a client, and no client any more. */
static void stay(unsigned who)
{
    session_open(&session[who], (domid_t)(who + 1));
    open[who] = true;
}

static void leave(unsigned who)
{
    if (!open[who])
        return;
    session_close(&session[who]);
    fuzz_assert(session[who].account.bytes == 0);
    open[who] = false;
}

static void come(unsigned who)
{
    struct domain_facts facts = { .domid = (domid_t)(who + 1), .name = "guest", .vcpus = 1 };

    facts.handle[0] = (uint8_t)who;
    if (!open[who] && !domain_introduce(&facts))
        stay(who);
}

static void go(unsigned who)
{
    if (!open[who])
        return;
    leave(who);
    domain_release((domid_t)(who + 1));
    fuzz_assert(!tree_tally(&store_tree, (domid_t)(who + 1)));
}

/* ---- looking at the tree ---- */

static struct tree counted;

static bool look(void *arg, const char *path, const struct node *node)
{
    domid_t owner = perms_owner(&node->perms);

    (void)arg;
    fuzz_assert(node->refs > 0 && node->perms.count > 0 && node->perms.count <= QUOTA_PERMS);
    fuzz_assert(strlen(path) <= XENSTORE_ABS_PATH_MAX && node_find(store_tree.root, path) == node);
    for (uint32_t i = 1; i < node->child_count; i++)
        fuzz_assert(strcmp(node->child[i - 1]->name, node->child[i]->name) < 0);
    if (owner) {
        fuzz_assert(owner <= SESSIONS && open[owner - 1]);
        counted.tally[owner].nodes++;
        counted.tally[owner].bytes += sizeof(*node) + sizeof(struct node *) + strlen(node->name);
        counted.tally[owner].bytes += node->value_length;
    }
    return true;
}

static void tree_look(void)
{
    memset(&counted, 0, sizeof(counted));
    node_walk(store_tree.root, look, NULL);
    for (domid_t i = 1; i <= SESSIONS; i++) {
        const struct tally *tally = tree_tally(&store_tree, i);

        fuzz_assert((tally ? tally->nodes : 0) == counted.tally[i].nodes);
        fuzz_assert(!tally || tally->bytes == counted.tally[i].bytes);
        fuzz_assert(session[i - 1].account.bytes <= account_share);
    }
    fuzz_assert(account_used <= BUDGET);
}

/* ---- steps ---- */

static size_t payload(const uint8_t *data, size_t size)
{
    size_t length = 0;

    for (size_t i = 0; i < size; i++) {
        const char *text = (const char *)data + i;
        size_t more = 1;

        if (data[i] < 24) {
            text = words[data[i]].text;
            more = words[data[i]].length;
        }
        if (length + more > XENSTORE_PAYLOAD_MAX)
            break;
        memcpy(in.payload + length, text, more);
        length += more;
    }
    return length;
}

static void ask(unsigned who, uint32_t type, unsigned tx, const uint8_t *data, size_t size)
{
    in.header =
        (struct xsd_sockmsg){ .type = type, .req_id = 7, .tx_id = tx ? ids[who][tx - 1] : 0 };
    in.header.len = (uint32_t)payload(data, size);
    request_handle(&session[who], &in, &out);
    fuzz_assert(out.header.req_id == 7 && out.header.tx_id == in.header.tx_id);
    fuzz_assert(out.header.len <= XENSTORE_PAYLOAD_MAX);
    fuzz_assert(out.header.type == type || out.header.type == XS_ERROR);
    if (out.header.type == XS_TRANSACTION_START) {
        memmove(ids[who] + 1, ids[who], 2 * sizeof(ids[who][0]));
        ids[who][0] = (uint32_t)strtoul(out.payload, NULL, 10);
    }
    if (fuzz_verbose)
        fprintf(stderr, "d%u type %u tx %u, %u bytes: %u, %.*s\n", who + 1, type, in.header.tx_id,
                in.header.len, out.header.type, (int)out.header.len, out.payload);
}

static void special(unsigned who, uint32_t what, size_t size)
{
    static char event[XENSTORE_PAYLOAD_MAX];

    if (fuzz_verbose)
        fprintf(stderr, "d%u: special %u\n", who + 1, what);
    switch (what) {
    case DO_RELEASE:
        go(who);
        break;
    case DO_INTRODUCE:
        come(who);
        break;
    case DO_EVENT:
        if (open[who])
            fuzz_assert(watch_event_take(&session[who].watcher, event) <= sizeof(event));
        break;
    case DO_SHORTAGE:
        account_budget = account_used + size * 32;
        account_budget = account_budget < BUDGET ? account_budget : BUDGET;
        break;
    case DO_PLENTY:
        account_budget = BUDGET;
        break;
    default:
        if (open[who])
            session_reset(&session[who]);
    }
}

/* The tree that every input begins with, made once: three domains, just introduced. */
static const struct tree *beginning(void)
{
    static struct tree tree;

    if (!tree.root) {
        fuzz_assert(!transactions_init());
        for (unsigned i = 0; i < SESSIONS; i++)
            come(i);
        for (unsigned i = 0; i < SESSIONS; i++)
            leave(i);
        tree = store_tree;
    }
    return &tree;
}

static uint64_t run(const uint8_t *data, size_t size)
{
    uint64_t steps = 0;

    for (; size >= 3; steps++) {
        uint32_t what = data[0] % DO_COUNT;
        unsigned who = data[1] % SESSIONS, tx = data[1] / SESSIONS % 4;
        size_t length = data[2] < size - 3 ? data[2] : size - 3;

        if (what >= XS_TYPE_COUNT)
            special(who, what, data[2]);
        else if (open[who])
            ask(who, what, tx, data + 3, length);
        length = what >= XS_TYPE_COUNT ? 0 : length;
        data += 3 + length;
        size -= 3 + length;
        tree_look();
    }
    return steps;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tree *tree = beginning();
    size_t before = account_used;

    account_budget = BUDGET;
    memset(ids, 0, sizeof(ids));
    tree_fork(&store_tree, tree);
    for (unsigned i = 0; i < SESSIONS; i++)
        stay(i);
    fuzz_count(run(data, size));
    account_budget = BUDGET;
    for (unsigned i = 0; i < SESSIONS; i++) {
        come(i);
        leave(i);
    }
    tree_drop(&store_tree);
    fuzz_assert(account_used == before);
    return 0;
}

void fuzz_describe(const uint8_t *data, size_t size)
{
    fuzz_verbose = true;
    (void)LLVMFuzzerTestOneInput(data, size);
    fuzz_verbose = false;
}
