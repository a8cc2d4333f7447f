/*
 * SPDX-License-Identifier: MIT
 *
 * main.c - the conformance kernel: what the command line asks for.
 *
 *      suite               every question
 *      suite=NAME,NAME     those parts whose names begin so
 *      seed=... ops=...    sequences of requests (sequence.h)
 *
 * The suite prints one line `ask QUESTION ANSWER...` for each question (record.h), the same on
 * every hypervisor that keeps the ABI. Events stay masked but where a question is about them.
 */
#include "ask.h"
#include "record.h"
#include "sequence.h"
#include "stage.h"

#include "cmdline.h"
#include "guest.h"
#include "kprint.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {
    { "entry", ask_entries },
    { "mmu_update", ask_mmu_update },
    { "update_va", ask_va },
    { "mmuext", ask_mmuext },
    { "pin", ask_pin },
    { "frame", ask_frames },
    { "iret", ask_iret },
    { "mode", ask_modes },
    { "emulate", ask_emulate },
    { "msr", ask_msr },
    { "ptwr", ask_ptwr },
    { "descriptor", ask_descriptor },
    { "memory", ask_memory },
    { "call", ask_calls },
    { "reservation", ask_reservation },
    { "vcpu", ask_vcpu },
    { "event", ask_events },
    { "channel", ask_channels },
    { "root", ask_roots },
    { "segment", ask_segments },
    { "nested", ask_nested },
    { "grant/table", ask_grant_tables },
    { "grant/copy", ask_grant_copies },
    { "grant/map", ask_grant_maps },
    { "domains", ask_domains },
    /* The last: what a vCPU was given stays in use. */
    { "context", ask_contexts },
    { "failsafe", ask_failsafe },
};

/* Whether one of the names, separated by commas, begins `part`. None at all: yes. */
static bool chosen(const char *part, const char *wanted)
{
    if (!*wanted)
        return true;
    for (const char *name = wanted; *name;) {
        size_t length = strcspn(name, ",");

        if (length && !strncmp(part, name, length))
            return true;
        name += length + (name[length] == ',');
    }
    return false;
}

static void suite_run(const char *wanted)
{
    unsigned int ran = 0;

    guest_vcpu_info()->evtchn_upcall_mask = 1;
    stage_make();
    for (unsigned int i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!chosen(parts[i].name, wanted))
            continue;
        kprint("part %s\n", parts[i].name);
        parts[i].run();
        ran++;
    }
    kprint("suite: %u parts, %u questions\n", ran, record_lines);
    kprint("Test result: %s\n", ran ? "SUCCESS" : "ERROR");
}

void guest_main(const start_info_t *si)
{
    static const char *const words[] = { "suite", NULL };
    char value[200];

    (void)si;
    if (cmdline_get("seed", value, sizeof(value)) || cmdline_get("ops", value, sizeof(value))) {
        sequence_run();
        return;
    }
    cmdline_report_unknown(words);
    if (!cmdline_get("suite", value, sizeof(value)))
        value[0] = '\0';
    suite_run(value);
}
