/* SPDX-License-Identifier: MIT */
/* The explorer's command line; see options.h. */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "small.h"
#include "store.h"

struct options options = { .jobs = 1, .room = 4000000 };

static const char usage[] =
    "usage: explore [OPTION]...\n"
    "  --frames N      frames that requests name, 1 to 5 (default 4)\n"
    "  --levels N      highest level that is pinned (default 4)\n"
    "  --domains N     1, or 2: the second may map the first one's frames\n"
    "  --fixed N       so many of the frames are L3 tables of the loaded root\n"
    "  --tlb           what a TLB may hold is part of the state\n"
    "  --roots         requests that load another root\n"
    "  --user-root     and another user root\n"
    "  --by-va         update_va_mapping, emulated writes, A and D kept\n"
    "  --give-back     frames are given back and taken anew\n"
    "  --segments      pages that are loaded as descriptor tables\n"
    "  --faults        each step that can fail does, one in a request\n"
    "  --preempt       each check finds the CPU wanted\n"
    "  --parked N      vCPUs that may wait in the middle of their cleanup, 0 to 2\n"
    "  --grants N      the second domain grants by so many entries, 1 or 2 (explorer.grants)\n"
    "  --handles N     the first one maps so much at a time, 1 to 3 (default 2)\n"
    "  --both-parts    for itself and for a device in one request\n"
    "  --repeat        preempted requests, asked again, end like undisturbed ones\n"
    "  --jobs N        worker processes (default 1)\n"
    "  --time S        stop after so many seconds\n"
    "  --room N        room for so many states (default 4000000)\n";

static unsigned long number(const char *option, const char *text, unsigned long low,
                            unsigned long high)
{
    char *end;
    unsigned long n = strtoul(text, &end, 0);

    if (*text < '0' || *text > '9' || *end || n < low || n > high) {
        fprintf(stderr, "explore: --%s must be a number from %lu to %lu, not \"%s\"\n", option, low,
                high, text);
        exit(2);
    }
    return n;
}

enum { FRAMES = 1, LEVELS, DOMS, FIXED, PARKED, GRANTS, HANDLES, JOBS, TIME, ROOM, HELP };

/* The option of this name with its number. */
static void number_read(int option, const char *name, const char *text)
{
    switch (option) {
    case FRAMES:
        config.frames = (unsigned)number(name, text, 1, FRAMES_MAX);
        break;
    case LEVELS:
        config.levels = (unsigned)number(name, text, 1, 4);
        break;
    case DOMS:
        config.domains = (unsigned)number(name, text, 1, DOMAINS);
        break;
    case FIXED:
        config.fixed = (unsigned)number(name, text, 0, SLOTS);
        break;
    case PARKED:
        config.parked = (unsigned)number(name, text, 0, PARKED_MAX);
        break;
    case GRANTS:
        config.grants = (unsigned)number(name, text, 1, GRANT_PAGES ? GRANT_REFS : 0);
        config.domains = DOMAINS;
        break;
    case HANDLES:
        config.handles = (unsigned)number(name, text, 1, GRANT_HANDLES);
        break;
    case JOBS:
        options.jobs = (unsigned)number(name, text, 1, WORKERS_MAX);
        break;
    case TIME:
        options.time = (double)number(name, text, 0, 1000000);
        break;
    case ROOM:
        options.room = number(name, text, 1, 0xfffffff0);
        break;
    default:
        break;
    }
}

void options_read(int argc, char **argv)
{
    static int segments, tlb, roots, user_root, by_va, give_back, faults, preempt, repeat,
        both_parts;
    static const struct option table[] = {
        { "frames", 1, 0, FRAMES },
        { "levels", 1, 0, LEVELS },
        { "domains", 1, 0, DOMS },
        { "fixed", 1, 0, FIXED },
        { "parked", 1, 0, PARKED },
        { "grants", 1, 0, GRANTS },
        { "handles", 1, 0, HANDLES },
        { "jobs", 1, 0, JOBS },
        { "time", 1, 0, TIME },
        { "room", 1, 0, ROOM },
        { "tlb", 0, &tlb, 1 },
        { "roots", 0, &roots, 1 },
        { "user-root", 0, &user_root, 1 },
        { "by-va", 0, &by_va, 1 },
        { "give-back", 0, &give_back, 1 },
        { "faults", 0, &faults, 1 },
        { "preempt", 0, &preempt, 1 },
        { "repeat", 0, &repeat, 1 },
        { "both-parts", 0, &both_parts, 1 },
        { "segments", 0, &segments, 1 },
        { "help", 0, 0, HELP },
        { 0, 0, 0, 0 },
    };
    int at;

    config = (struct config){ .frames = 4, .levels = 4, .domains = 1, .cpus = 1, .handles = 2 };
    for (int o; (o = getopt_long(argc, argv, "", table, &at)) != -1;) {
        if (o == HELP || o == '?') {
            fputs(usage, o == HELP ? stdout : stderr);
            exit(o == HELP ? 0 : 2);
        }
        number_read(o, table[at].name, optarg);
    }
    if (optind < argc || config.fixed > config.frames ||
        (tlb && (config.frames > 4 || config.parked)) ||
        (config.grants && (config.frames > 4 || config.parked))) {
        fputs(usage, stderr);
        exit(2);
    }
    config.tlb = tlb;
    config.roots = roots;
    config.user_root = user_root;
    config.by_va = by_va;
    config.give_back = give_back;
    config.segments = segments;
    config.faults = faults;
    config.preempt = preempt;
    config.repeat = repeat;
    config.both_parts = both_parts;
}
