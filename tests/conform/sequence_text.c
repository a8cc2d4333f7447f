/*
 * SPDX-License-Identifier: MIT
 *
 * sequence_text.c - builds, hashes (FNV-1a) and prints lines.
 */
#include "sequence_text.h"

#include "console.h"
#include "guest.h"
#include "kprint.h"

#include <string.h>

#define HASH_START 0xcbf29ce484222325UL
#define HASH_PRIME 0x100000001b3UL

bool text_verbose;

static uint64_t hash;
static char line[6000];
static size_t used;

void text_begin(void)
{
    hash = HASH_START;
    used = 0;
}

void say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    used += kformat(line + used, sizeof(line) - used, fmt, ap);
    va_end(ap);
    if (used >= sizeof(line) - 2)
        guest_panic("sequence: a line is too long");
}

void say_rc(const char *key, long rc)
{
    say(" %s=%ld", key, rc);
}

void said(const char *label)
{
    for (size_t i = 0; i < used; i++)
        hash = (hash ^ (unsigned char)line[i]) * HASH_PRIME;
    hash = (hash ^ '\n') * HASH_PRIME;
    if (text_verbose) {
        line[used++] = '\n';
        console_write(label, strlen(label));
        console_write(line, used);
    }
    used = 0;
}

uint64_t text_hash(void)
{
    return hash;
}
