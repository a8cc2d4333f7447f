/* SPDX-License-Identifier: MIT */
/* Requests and entries in words; see request.h. */
#include <stdio.h>

#include "grants.h"
#include "pt/page_type.h"
#include "request.h"
#include "small.h"

void entry_describe(unsigned number, unsigned level, const char *names, char *text, size_t size)
{
    if (number == ENTRY_NONE)
        snprintf(text, size, "nothing");
    else if (number == ENTRY_BAD)
        snprintf(text, size,
                 level == PT_SEG ? "a system descriptor" : "an entry with a forbidden bit");
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
    /* Not known here: only of L1 entries is it said which. */
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
    case REQ_TOUCH:
        snprintf(text, size, "%smmu_update %c[%u] := %s, and back", who, c, r->slot, entry);
        break;
    case REQ_SEGMENT:
    case REQ_NO_SEGMENT:
        snprintf(text, size, "%s%c %s a descriptor slot", who, c,
                 r->kind == REQ_SEGMENT ? "into" : "out of");
        break;
    case REQ_MAP:
    case REQ_UNMAP:
    case REQ_REPLACE:
        grants_describe(r, names, text, size);
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
