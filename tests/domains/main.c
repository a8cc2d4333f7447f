/* SPDX-License-Identifier: MIT */
/*
 * A kernel for machines with several domains. Command line: job=NAME and what the job knows; end=REASON
 * is the reason with which it shuts down then (0 poweroff, 1 reboot, 3 crash). A job says what a test
 * is to look at in lines `NAME: key=value ...`.
 */
#include "domains.h"

#include "cmdline.h"
#include "guest.h"
#include "hypercall.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(void);
} jobs[] = {
    { "echo", job_echo },         { "halves", job_halves }, { "busy", job_busy },
    { "sly", job_sly },           { "polite", job_polite }, { "sleepy", job_sleepy },
    { "give", job_give },         { "take", job_take },     { "peek", job_peek },
    { "lend", job_lend },         { "borrow", job_borrow }, { "wild", job_wild },
    { "kill", job_kill },         { "watch", job_watch },   { "offer", job_offer },
    { "call", job_call },         { "ports", job_ports },   { "dog", job_dog },
    { "debugged", job_debugged },
};

uint64_t number(const char *name, uint64_t otherwise)
{
    char text[24], *end = text;
    uint64_t value;

    if (!cmdline_get(name, text, sizeof(text)))
        return otherwise;
    value = strtoul(text, &end, 0);
    if (!*text || *end)
        guest_panic("%s=%s is no number", name, text);
    return value;
}

uint64_t chance(uint64_t limit)
{
    static uint64_t state;

    if (!state)
        state = guest_first_tsc | 1;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % limit;
}

uint64_t time_run(void)
{
    vcpu_runstate_info_t info;

    if (hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &info))
        guest_panic("no runstate");
    return info.time[RUNSTATE_running];
}

void guest_main(const start_info_t *si)
{
    char name[16] = "";

    (void)si;
    cmdline_get("job", name, sizeof(name));
    for (unsigned int i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        if (!strcmp(jobs[i].name, name)) {
            jobs[i].run();
            guest_shutdown((unsigned int)number("end", SHUTDOWN_poweroff));
        }
    }
    guest_panic("no such job: %s", name);
}
