/* SPDX-License-Identifier: MIT */
/* Jobs of the console. */
#include "domains.h"

#include "clock.h"
#include "console.h"
#include "events.h"
#include "kprint.h"

#include <stdbool.h>
#include <string.h>

/* One line without its end; false while it is not there. */
static bool line_read(char *line, size_t size, size_t *used)
{
    char c;

    while (console_read(&c, 1)) {
        if (c == '\n' || c == '\r') {
            line[*used] = 0;
            *used = 0;
            return true;
        }
        if (*used + 1 < size)
            line[(*used)++] = c;
    }
    return false;
}

void job_echo(void)
{
    char line[80];
    size_t used = 0;

    do {
        kprint("? ");
        while (events_mask(), !line_read(line, sizeof(line), &used))
            events_wait();
        events_restore(false);
        kprint("heard %s\n", line);
    } while (strcmp(line, "quit") != 0);
}

void job_halves(void)
{
    for (uint64_t i = 0; i < number("rounds", 10); i++) {
        kprint("first half, ");
        clock_sleep(number("pause", 1) * 1000000);
        kprint("second half\n");
    }
}
