/*
 * SPDX-License-Identifier: MIT
 *
 * homes.c - see homes.h.
 *
 * A number may come again.  So nothing of a domain survives it: not its part, not what it owned
 * elsewhere, not its place in permissions; and no transaction that began before sees the end of it.
 */
#include "homes.h"

#include "account.h"
#include "path.h"
#include "transaction.h"
#include "watch.h"

#include <stdio.h>
#include <string.h>

static struct {
    bool used;
    bool down;
    domid_t domid;
    char vm[48]; /* "/vm/" and its handle */
} known[STORE_DOMAINS];

static int known_slot(domid_t domid)
{
    for (int i = 0; i < STORE_DOMAINS; i++)
        if (known[i].used && known[i].domid == domid)
            return i;
    return -1;
}

bool domain_known(domid_t domid)
{
    return known_slot(domid) >= 0;
}

/* ---- what it finds when it comes ---- */

/* Whose a node is: domain 0's, which the domain may read, or its own. */
enum home_perms { HOME_READ, HOME_OWN };

static int home_node(const char *path, const char *value, domid_t domid, enum home_perms kind)
{
    struct change write = {
        .kind = CHANGE_WRITE, .path = path, .value = value, .length = strlen(value)
    };
    struct change perms = { .kind = CHANGE_PERMS, .path = path, .perms = { .count = 1 } };
    int error = store_change(&write);

    if (kind == HOME_READ) {
        perms.perms.count = 2;
        perms.perms.entry[1] = (struct perm){ .domid = domid, .rights = PERM_READ };
    } else if (kind == HOME_OWN) {
        perms.perms.entry[0].domid = domid;
    }
    return error ? error : store_change(&perms);
}

static void handle_print(char text[40], const xen_domain_handle_t handle)
{
    size_t at = 0;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        at += (size_t)snprintf(text + at, 40 - at, "%02x", handle[i]);
    }
}

/* Nodes below the domain's part; a value of NULL is left out. */
struct home_entry {
    const char *name;
    enum home_perms kind;
    const char *value;
};

static int home_entries(const struct home_entry *entry, size_t count, const char *home,
                        domid_t domid)
{
    char path[PATH_SIZE];
    int error = 0;

    for (size_t i = 0; !error && i < count; i++) {
        if (!entry[i].value)
            continue;
        (void)snprintf(path, sizeof(path), "%s%s", home, entry[i].name);
        error = home_node(path, entry[i].value, domid, entry[i].kind);
    }
    return error;
}

#define HOME_COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A number as a value; the text lives as long as the caller's buffer. */
static const char *home_number(char buffer[24], uint64_t number)
{
    (void)snprintf(buffer, 24, "%lu", (unsigned long)number);
    return buffer;
}

static int home_vm(const struct domain_facts *facts, const char *vm)
{
    const struct home_entry nodes[] = {
        { "", HOME_READ, "" },
        { "/uuid", HOME_READ, vm + 4 },
        { "/name", HOME_READ, facts->name },
    };

    return home_entries(nodes, HOME_COUNT(nodes), vm, facts->domid);
}

static int home_cpus(const struct domain_facts *facts, const char *home)
{
    int error = 0;

    for (uint32_t i = 0; !error && i < facts->vcpus; i++) {
        char cpu[16], path[32];
        const struct home_entry nodes[] = {
            { cpu, HOME_READ, "" },
            { path, HOME_READ, "online" },
        };

        (void)snprintf(cpu, sizeof(cpu), "/cpu/%u", (unsigned int)i);
        (void)snprintf(path, sizeof(path), "%s/availability", cpu);
        error = home_entries(nodes, HOME_COUNT(nodes), home, facts->domid);
    }
    return error;
}

/* Where a ring of its own is: nothing for a domain without. */
static int home_ring(const char *name, uint64_t frame, evtchn_port_t port, const char *home,
                     domid_t domid)
{
    char above[16], ref[24], ref_text[24], channel[24], channel_text[24];
    const struct home_entry nodes[] = {
        { above, HOME_READ, "" },
        { ref, HOME_READ, home_number(ref_text, frame) },
        { channel, HOME_READ, home_number(channel_text, port) },
    };

    (void)snprintf(above, sizeof(above), "/%s", name);
    (void)snprintf(ref, sizeof(ref), "/%s/ring-ref", name);
    (void)snprintf(channel, sizeof(channel), "/%s/port", name);
    return frame ? home_entries(nodes, HOME_COUNT(nodes), home, domid) : 0;
}

static int home_make(const struct domain_facts *facts, const char *home, const char *vm)
{
    char domid[24], target[24], most[24];
    const struct home_entry nodes[] = {
        { "", HOME_READ, "" },
        { "/vm", HOME_READ, vm },
        { "/name", HOME_READ, facts->name },
        { "/domid", HOME_READ, home_number(domid, facts->domid) },
        { "/cpu", HOME_READ, "" },
        { "/memory", HOME_READ, "" },
        { "/memory/static-max", HOME_READ, home_number(most, facts->max_memory_kib) },
        { "/memory/target", HOME_READ, home_number(target, facts->memory_kib) },
        { "/memory/videoram", HOME_READ, "0" },
        { "/device", HOME_READ, "" },
        { "/device/suspend", HOME_READ, "" },
        { "/device/suspend/event-channel", HOME_OWN, "" },
        { "/control", HOME_READ, "" },
        { "/control/shutdown", HOME_OWN, "" },
        { "/control/feature-poweroff", HOME_OWN, "" },
        { "/control/feature-reboot", HOME_OWN, "" },
        { "/control/feature-suspend", HOME_OWN, "" },
        { "/control/sysrq", HOME_OWN, "" },
        { "/control/platform-feature-multiprocessor-suspend", HOME_READ, "1" },
        { "/control/platform-feature-xs_reset_watches", HOME_READ, "1" },
        { "/data", HOME_OWN, "" },
        { "/drivers", HOME_OWN, "" },
        { "/feature", HOME_OWN, "" },
        { "/attr", HOME_OWN, "" },
        { "/error", HOME_OWN, "" },
        { "/console", HOME_READ, "" },
        { "/console/type", HOME_READ, facts->console_frame ? "xenconsoled" : NULL },
        { "/console/limit", HOME_READ, facts->console_frame ? "1048576" : NULL },
        { "/console/output", HOME_READ, facts->console_frame ? "pty" : NULL },
        { "/console/tty", HOME_READ, facts->console_frame ? "" : NULL },
    };
    int error = home_vm(facts, vm);

    if (!error)
        error = home_entries(nodes, HOME_COUNT(nodes), home, facts->domid);
    if (!error)
        error = home_cpus(facts, home);
    if (!error)
        error = home_ring("store", facts->store_frame, facts->store_port, home, facts->domid);
    if (!error)
        error = home_ring("console", facts->console_frame, facts->console_port, home, facts->domid);
    return error;
}

/* ---- what it leaves behind ---- */

static void home_remove(const char *path)
{
    const struct change change = { .kind = CHANGE_REMOVE, .path = path };
    bool releasing = account_releasing;

    account_releasing = true;
    (void)store_change(&change);
    account_releasing = releasing;
}

/* Visits the tree as it was; what is beneath a removed node has gone with it. */
static bool forget_visit(void *arg, const char *path, const struct node *node)
{
    domid_t domid = *(const domid_t *)arg;
    struct change change = { .kind = CHANGE_PERMS, .path = path, .perms = node->perms };

    if (perms_owner(&node->perms) == domid) {
        home_remove(path);
        return false;
    }
    if (perms_forget(&change.perms, domid))
        (void)store_change(&change);
    return true;
}

/* Whatever says the number, from before. */
static void domain_forget(domid_t domid)
{
    struct tree before;

    transactions_spoil();
    account_releasing = true;
    tree_fork(&before, &store_tree);
    node_walk(before.root, forget_visit, &domid);
    tree_drop(&before);
    account_releasing = false;
}

int domain_introduce(const struct domain_facts *facts)
{
    char home[PATH_SIZE], handle[40];
    int slot = 0, error;

    if (domain_known(facts->domid))
        return -XEN_EEXIST;
    while (slot < STORE_DOMAINS && known[slot].used)
        slot++;
    if (slot == STORE_DOMAINS)
        return -XEN_ENOSPC;
    /* Somebody may have given permissions to a number that was not there. */
    if (!perms_privileged(facts->domid))
        domain_forget(facts->domid);
    known[slot].used = true;
    known[slot].down = false;
    known[slot].domid = facts->domid;
    handle_print(handle, facts->handle);
    (void)snprintf(known[slot].vm, sizeof(known[slot].vm), "/vm/%s", handle);
    path_home(home, facts->domid, "");
    error = home_make(facts, home, known[slot].vm);
    if (error)
        domain_release(facts->domid);
    else
        watch_fire_special("@introduceDomain");
    return error;
}

bool domain_shut_down(domid_t domid)
{
    int slot = known_slot(domid);

    if (slot < 0 || known[slot].down)
        return false;
    known[slot].down = true;
    watch_fire_special("@releaseDomain");
    return true;
}

int domain_ask_shutdown(domid_t domid, const char *how)
{
    char path[PATH_SIZE];
    const struct change change = {
        .kind = CHANGE_WRITE, .path = path, .value = how, .length = strlen(how)
    };

    path_home(path, domid, "/control/shutdown");
    return store_change(&change);
}

void domain_release(domid_t domid)
{
    char home[PATH_SIZE];
    int slot = known_slot(domid);

    if (slot < 0)
        return;
    path_home(home, domid, "");
    home_remove(home);
    home_remove(known[slot].vm);
    if (!perms_privileged(domid))
        domain_forget(domid);
    known[slot].used = false;
    watch_fire_special("@releaseDomain");
}
