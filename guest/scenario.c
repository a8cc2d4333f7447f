/*
 * SPDX-License-Identifier: MIT
 *
 * scenario.c - chooses scenarios, runs each under a catch, speaks TAP.
 *
 * The last line is `Test result: ...`, also when the kernel itself panics: ERROR then.
 */
#include "scenario.h"

#include "cmdline.h"
#include "console.h"
#include "kprint.h"
#include "mm/mm.h"
#include "mm/page_cache.h"
#include "mm/swap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum verdict { SUCCESS, SKIP, ERROR, FAILURE, VERDICTS };

static const char *const verdict_names[VERDICTS] = { "SUCCESS", "SKIP", "ERROR", "FAILURE" };

extern const struct scenario scenarios_start[], scenarios_end[];

static enum verdict verdict;
static char reason[240];
static jmp_buf finish;
static unsigned int counts[VERDICTS];

static void verdict_end(enum verdict v) __attribute__((noreturn));

static void verdict_end(enum verdict v)
{
    verdict = v;
    longjmp(finish, 1);
}

/* The three ways to end early differ in the verdict alone. */
#define VERDICT_FUNCTION(name, v)                 \
    void name(const char *fmt, ...)               \
    {                                             \
        va_list ap;                               \
                                                  \
        va_start(ap, fmt);                        \
        kformat(reason, sizeof(reason), fmt, ap); \
        va_end(ap);                               \
        verdict_end(v);                           \
    }

VERDICT_FUNCTION(scenario_skip, SKIP)
VERDICT_FUNCTION(scenario_error, ERROR)
VERDICT_FUNCTION(scenario_fail, FAILURE)

void scenario_reason(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    kformat(reason, sizeof(reason), fmt, ap);
    va_end(ap);
}

void scenario_note(const char *fmt, ...)
{
    char text[240];
    va_list ap;

    va_start(ap, fmt);
    kformat(text, sizeof(text), fmt, ap);
    va_end(ap);
    kprint("# %s\n", text);
}

static void run_body(void *arg)
{
    const struct scenario *s = arg;

    if (!setjmp(finish))
        s->run();
}

static void run_one(const struct scenario *s, unsigned int number)
{
    struct trap_report report;

    verdict = SUCCESS;
    scenario_reason("%s", s->summary);
    if (steps_trace)
        kprint("# scenario %s: %s\n", s->name, s->summary);
    if (trap_catch(run_body, (void *)s, &report)) {
        verdict = FAILURE;
        scenario_reason("trap %u error %x cr2 %lx at rip %lx", report.vector, report.error,
                        report.cr2, report.rip);
    }
    thread_set_aspace(NULL);
    scenario_clean_up();
    fflush(stdout);
    counts[verdict]++;
    kprint("%s %u - %s # %s%s%s\n", verdict == SUCCESS || verdict == SKIP ? "ok" : "not ok", number,
           s->name, verdict == SUCCESS ? "" : verdict_names[verdict], verdict == SUCCESS ? "" : " ",
           reason);
}

/* A word of the list names a scenario, or a group: `a` is a, and a-b that does not run alone. */
static bool names(const char *word, size_t length, const struct scenario *s)
{
    if (strncmp(word, s->name, length) != 0)
        return false;
    return !s->name[length] || (s->name[length] == '-' && !(s->flags & SCENARIO_ALONE));
}

/* True when the list of names (a,b,c or all) has this one. */
static bool chosen(const char *list, const struct scenario *s)
{
    if (!strcmp(list, "all") || !*list)
        return !(s->flags & SCENARIO_ALONE);
    for (const char *at = list; *at; at += *at == ',') {
        size_t n = strcspn(at, ",");

        if (n && names(at, n, s))
            return true;
        at += n;
    }
    return false;
}

/* Prints each name that no scenario has.  Result: how many. */
static unsigned int unknown_names(const char *list)
{
    unsigned int unknown = 0;

    for (const char *at = list; strcmp(list, "all") && *at; at += *at == ',') {
        size_t n = strcspn(at, ",");
        bool found = false;

        for (const struct scenario *s = scenarios_start; s < scenarios_end; s++)
            found |= names(at, n, s);
        if (n && !found) {
            char name[64] = "";

            memcpy(name, at, n < sizeof(name) - 1 ? n : sizeof(name) - 1);
            kprint("# no such scenario: %s\n", name);
            unknown++;
        }
        at += n;
    }
    return unknown;
}

static enum verdict overall(void)
{
    if (counts[FAILURE])
        return FAILURE;
    if (counts[ERROR])
        return ERROR;
    return counts[SUCCESS] ? SUCCESS : SKIP;
}

static void panic_verdict(void)
{
    kprint("Test result: ERROR\n");
}

void scenarios_run(void)
{
    static const char *const options[] = { "scenarios", "trace", NULL };
    static char list[MAX_GUEST_CMDLINE];
    unsigned int total = 0, number = 0;

    guest_panic_hook = panic_verdict;
    cmdline_report_unknown(options);
    cmdline_get("scenarios", list, sizeof(list));
    if (unknown_names(list)) {
        for (const struct scenario *s = scenarios_start; s < scenarios_end; s++)
            kprint("#   there is: %s\n", s->name);
        counts[ERROR]++;
    }
    for (const struct scenario *s = scenarios_start; s < scenarios_end; s++)
        total += chosen(list, s);
    kprint("1..%u\n", total);
    for (const struct scenario *s = scenarios_start; s < scenarios_end; s++)
        if (chosen(list, s))
            run_one(s, ++number);
    kprint("# %u passed, %u failed, %u skipped\n", counts[SUCCESS], counts[FAILURE] + counts[ERROR],
           counts[SKIP]);
    kprint("Test result: %s\n", verdict_names[overall()]);
    guest_shutdown(SHUTDOWN_poweroff);
}

__attribute__((weak)) void guest_main(const start_info_t *si)
{
    (void)si;
    scenarios_run();
}
