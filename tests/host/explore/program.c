/* SPDX-License-Identifier: MIT */
/*
 * Programs for readers. Only the states and the requests between them are kept; the choices are found
 * by running each request again until it leads to the state that is known to come next. Canonical
 * states rename the frames at each step: letter[] undoes it, so that a frame keeps its letter.
 */
#include "program.h"

#include <stdio.h>
#include <string.h>

#include "small.h"
#include "step.h"
#include "store.h"

static char letter[FRAMES_MAX + 1] = "ABCDE";
static unsigned line;

static void print_choices(void)
{
    unsigned steps = 0, checks = 0;

    for (unsigned i = 0; i < choices.used; i++) {
        const struct choice *c = &choices.at[i];
        char entry[64];

        steps += c->kind == CHOICE_FAIL;
        checks += c->kind == CHOICE_PREEMPT;
        if (c->kind == CHOICE_CONTENT) {
            entry_describe(c->value, c->level, letter, entry, sizeof(entry));
            printf("         %c[%u] is found to hold %s\n", letter[c->frame], c->slot, entry);
        } else if (c->kind == CHOICE_GRANT) {
            entry_describe(c->value, 1, letter, entry, sizeof(entry));
            printf("         entry %u is found to grant %s\n", c->slot, entry);
        } else if (c->kind == CHOICE_WAY) {
            printf("         %s the short way\n", c->made ? "not by" : "by");
        } else if (c->made) {
            printf("         its %s %u %s\n", c->kind == CHOICE_FAIL ? "fallible step" : "check",
                   c->kind == CHOICE_FAIL ? steps : checks,
                   c->kind == CHOICE_FAIL ? "fails" : "finds the CPU wanted");
        }
    }
}

void program_print_last(unsigned request)
{
    char text[128];

    request_describe(&requests[request], letter, text, sizeof(text));
    printf("  %4u.  %s\n", ++line, text);
    print_choices();
}

void program_print_names(void)
{
    printf("  The message calls");
    for (unsigned g = 0; g < config.frames; g++)
        printf(" %c %c (frame %u),", letter[g], 'A' + g, FIRST + g);
    printf(" as the last step began.\n");
}

/* Runs the request that led from one state to the next until it does so again. */
static void print_step(uint64_t from, uint64_t to)
{
    const struct request *r = &requests[store_request(to)];
    uint8_t name[FRAMES_MAX];
    char renamed[FRAMES_MAX];
    struct state s, end;
    struct step step;

    state_unpack(store_code(from), &s);
    step_from(&s);
    choice_begin();
    do {
        if (setjmp(small_found))
            break;
        step_run(r, &step, &end);
        if (state_canonical(&end, name) != store_code(to))
            continue;
        program_print_last(store_request(to));
        printf("         %s\n", step.restart  ? "preempted, not asked again"
                                : step.parked ? "waits in the middle of its cleanup"
                                : step.result ? "refused"
                                              : "done");
        for (unsigned g = 0; g < config.frames; g++)
            renamed[name[g]] = letter[g];
        memcpy(letter, renamed, config.frames);
        return;
    } while (choice_next());
    printf("         (the step to state %lu could not be repeated)\n", to);
}

void program_print(uint64_t n)
{
    uint64_t way[256];
    unsigned steps = 0;

    for (uint64_t at = n; at && steps < 256; at = store_from(at))
        way[steps++] = at;
    while (steps-- > 0)
        print_step(store_from(way[steps]), way[steps]);
}
