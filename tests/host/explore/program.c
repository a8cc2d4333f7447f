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

void entry_describe(unsigned number, unsigned level, const char *names, char *text, size_t size)
{
    if (number == ENTRY_NONE)
        snprintf(text, size, "nothing");
    else if (number == ENTRY_BAD)
        snprintf(text, size, "an entry with a forbidden bit");
    else
        snprintf(text, size, "%c%s", names[ENTRY_FRAME(number)],
                 level > 1          ? ""
                 : ENTRY_RW(number) ? " writable"
                                    : " read-only");
}

static const char *root_name(uint8_t frame, const char *names, const char *otherwise)
{
    static char text[2];

    if (frame == NOBODY)
        return otherwise;
    text[0] = names[frame];
    return text;
}

void request_describe(const struct request *r, const char *names, char *text, size_t size)
{
    static const char *const how[] = { [REQ_UPDATE] = "mmu_update",
                                       [REQ_UPDATE_AD] = "mmu_update (A and D kept)",
                                       [REQ_COMPARE] = "emulated write to",
                                       [REQ_COMPARE_OTHER] = "emulated write, compared in vain, to",
                                       [REQ_UPDATE_VA] = "update_va_mapping" };
    const char *who = r->domain ? "control: " : config.domains > 1 ? "guest: " : "";
    char c = names[r->frame == NOBODY ? 0 : r->frame], entry[64];
    /* Not known here: read-only is said of L1 entries only. */
    unsigned level = r->value != ENTRY_NONE && r->value != ENTRY_BAD && ENTRY_RW(r->value) ? 2 : 1;

    entry_describe(r->value, level, names, entry, sizeof(entry));
    switch (r->kind) {
    case REQ_PIN:
        snprintf(text, size, "%spin %c as L%u", who, c, r->level);
        break;
    case REQ_UNPIN:
        snprintf(text, size, "%sunpin %c", who, c);
        break;
    case REQ_ROOT:
        snprintf(text, size, "%sload %s", who, root_name(r->frame, names, "the home root"));
        break;
    case REQ_USER_ROOT:
        snprintf(text, size, "%suser root %s", who, root_name(r->frame, names, "none"));
        break;
    case REQ_UPDATE_VA:
        snprintf(text, size, "%s%s of page %u := %s", who, how[r->kind], r->slot, entry);
        break;
    case REQ_STORE:
        snprintf(text, size, "%smmu_update to the plain page %c", who, c);
        break;
    case REQ_RELEASE:
        snprintf(text, size, "%sgive %c back", who, c);
        break;
    case REQ_TAKE:
        snprintf(text, size, "%stake a free frame", who);
        break;
    case REQ_FLUSH:
        snprintf(text, size, "%sflush the TLB", who);
        break;
    case REQ_GO_ON:
        snprintf(text, size, "vCPU %u goes on with its cleanup", r->slot);
        break;
    default:
        snprintf(text, size, "%s%s %c[%u] := %s%s", who, how[r->kind], c, r->slot, entry,
                 r->foreign ? " of the other domain" : "");
        break;
    }
}

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
