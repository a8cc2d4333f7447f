/* SPDX-License-Identifier: MIT */
/*
 * A kernel that is a client of the store. It shuts down with poweroff when its job is done as it
 * should be, and crashes when something was not as it should be.
 */
#include "jobs.h"

#include "clock.h"
#include "cmdline.h"
#include "guest.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(void);
} jobs[] = {
    { "basic", job_basic },       { "writer", job_writer }, { "reader", job_reader },
    { "worker", job_worker },     { "adder", job_adder },   { "index", job_index },
    { "answers", job_answers },   { "length", job_length }, { "flood", job_flood },
    { "watches", job_watches },   { "hoard", job_hoard },   { "reconnect", job_reconnect },
    { "scribble", job_scribble }, { "dies", job_dies },
};

uint64_t number(const char *name, uint64_t otherwise)
{
    char text[24];

    return cmdline_get(name, text, sizeof(text)) ? strtoul(text, NULL, 0) : otherwise;
}

void guest_main(const start_info_t *si)
{
    char name[16] = "";

    (void)si;
    cmdline_get("job", name, sizeof(name));
    if (xenstore_init())
        guest_panic("no store ring");
    for (unsigned int i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        if (!strcmp(jobs[i].name, name)) {
            jobs[i].run();
            clock_sleep(number("stay", 0) * 1000000000UL);
            return;
        }
    guest_panic("no such job: %s", name);
}
