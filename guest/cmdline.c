/*
 * SPDX-License-Identifier: MIT
 *
 * cmdline.c - see cmdline.h.
 */
#include "cmdline.h"

#include "kprint.h"

#include <string.h>

static const char *line = "";

void cmdline_init(const char *text)
{
    line = text;
}

/* The word at or behind *at, its length; moves *at behind it.  Result: NULL at the end. */
static const char *next_word(const char **at, size_t *len)
{
    const char *word = *at + strspn(*at, " \t\n");

    *len = strcspn(word, " \t\n");
    *at = word + *len;
    return *len ? word : NULL;
}

static size_t name_length(const char *word, size_t len)
{
    const char *eq = memchr(word, '=', len);

    return eq ? (size_t)(eq - word) : len;
}

bool cmdline_get(const char *name, char *value, size_t size)
{
    const char *at = line, *word;
    bool found = false;
    size_t len;

    while ((word = next_word(&at, &len))) {
        size_t n = name_length(word, len), v = n < len ? n + 1 : len;

        if (n != strlen(name) || memcmp(word, name, n))
            continue;
        size_t bytes = len - v < size - 1 ? len - v : size - 1;

        memcpy(value, word + v, bytes);
        value[bytes] = '\0';
        found = true;
    }
    return found;
}

bool cmdline_flag(const char *name)
{
    char value[8];

    if (!cmdline_get(name, value, sizeof(value)))
        return false;
    return !value[0] || !strcmp(value, "1") || !strcmp(value, "yes") || !strcmp(value, "on") ||
           !strcmp(value, "true");
}

void cmdline_report_unknown(const char *const *known)
{
    const char *at = line, *word;
    bool first = true;
    size_t len;

    while ((word = next_word(&at, &len))) {
        size_t n = name_length(word, len);
        const char *const *k = known;

        while (*k && (strlen(*k) != n || memcmp(*k, word, n)))
            k++;
        if (!*k && !(first && n == len)) {
            char text[64] = "";

            memcpy(text, word, len < sizeof(text) - 1 ? len : sizeof(text) - 1);
            kprint("# unknown option: %s\n", text);
        }
        first = false;
    }
}
