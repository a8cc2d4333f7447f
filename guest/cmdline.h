/*
 * SPDX-License-Identifier: MIT
 *
 * cmdline.h - the guest's command line: words `name=value` or `name`, separated by blanks.
 */
#ifndef GUEST_CMDLINE_H
#define GUEST_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

/* Remembers the text (start_info.cmd_line). */
void cmdline_init(const char *text);

/*
 * Copies the value of the last word `name=value` (cut to `size`, terminated; "" for a bare `name`).
 * Result: false when there is no such word.
 */
bool cmdline_get(const char *name, char *value, size_t size);

/* True for `name` and for `name=1`, `name=yes`, `name=on`, `name=true`. */
bool cmdline_flag(const char *name);

/* Prints each word whose name is not in the NULL-terminated list; a loader's leading file name
 * (a first word without '=') is left out. */
void cmdline_report_unknown(const char *const *known);

#endif
