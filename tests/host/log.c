/* SPDX-License-Identifier: MIT */
/* What the hypervisor says on the test machine: its log, its panic, what the test is at; see machine.h. */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/printk.h"

bool machine_panic_expected;
jmp_buf machine_panic_jump;

static char log_buffer[1u << 16];
static size_t log_used;
static char note[256];

static void log_add(const char *fmt, va_list args)
{
    if (log_used + 1024 > sizeof(log_buffer))
        log_used = 0;
    log_used += (size_t)vsnprintf(log_buffer + log_used, 512, fmt, args);
}

void printk(enum log_level level, const char *fmt, ...)
{
    va_list args;

    (void)level;
    va_start(args, fmt);
    log_add(fmt, args);
    va_end(args);
}

void guest_printk(unsigned domid, unsigned vcpu, enum log_level level, const char *fmt, ...)
{
    va_list args;

    printk(level, "d%uv%u ", domid, vcpu);
    va_start(args, fmt);
    log_add(fmt, args);
    va_end(args);
}

void machine_note(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(note, sizeof(note), fmt, args);
    va_end(args);
}

const char *machine_noted(void)
{
    return note;
}

void panic(const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (machine_panic_expected)
        longjmp(machine_panic_jump, 1);
    fail_msg("%s: panic: %s", note, text);
    abort();
}

/* Not in every C library. */
size_t strlcpy(char *dst, const char *src, size_t size);
size_t strlcpy(char *dst, const char *src, size_t size)
{
    return (size_t)snprintf(dst, size, "%s", src);
}

const char *log_text(void)
{
    return log_buffer;
}

size_t log_length(void)
{
    return log_used;
}

void log_clear(void)
{
    log_used = 0;
    log_buffer[0] = 0;
}
