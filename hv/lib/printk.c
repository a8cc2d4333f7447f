/* SPDX-License-Identifier: MIT */
/*
 * The log. One lock covers the serial line and the state of the line that is being written, so that
 * a line is never torn by another. A guest can cause as many lines as it likes, but between them it
 * gets GUEST_BURST at once and GUEST_PER_SECOND on average; what is held back is counted and said.
 *
 * Invariant: log_lock is innermost; nothing is called under it but uart.c.
 */
#include "lib/printk.h"

#include "lib/spinlock.h"
#include "lib/string.h"
#include "lib/uart.h"
#include "lib/x86.h"

#define LINE_MAX         512
#define GUEST_BURST      100u
#define GUEST_PER_SECOND 10u

enum timestamps { TS_NONE, TS_BOOT, TS_RAW, TS_DATE, TS_DATEMS };

/* Lines below `always` are printed; those below `limited` under the rate limit; others dropped. */
struct thresholds {
    unsigned always, limited;
};

static struct spinlock log_lock;
static struct thresholds own = { LOG_INFO + 1, LOG_INFO + 1 };
static struct thresholds guests = { LOG_ALWAYS + 1, LOG_WARNING + 1 };
static enum timestamps timestamps;
static bool column;   /* our last line is still open */
static bool raw_open; /* a guest's is: anybody else's next one starts a new line */
static const void *raw_owner;
static uint64_t tokens_at; /* ns; see guest_allowed() */
static uint32_t suppressed;

uint64_t (*printk_clock)(void);
uint64_t printk_epoch;

static const char *const level_names[] = { "none", "error", "warning", "info", "debug", "all" };

/* A level's name up to end or '/': number of levels it lets through, or 0 if it is none of them. */
static unsigned level_parse(const char *value, const char **end)
{
    size_t length = 0;

    while (value[length] && value[length] != '/')
        length++;
    *end = value + length;
    for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++)
        if (strlen(level_names[i]) == length && !strncmp(level_names[i], value, length))
            return i + 1;
    return 0;
}

bool printk_set_levels(const char *value, bool guest)
{
    struct thresholds t;
    const char *end;

    t.always = t.limited = level_parse(value, &end);
    if (t.always && *end == '/')
        t.limited = level_parse(end + 1, &end);
    if (!t.always || !t.limited || *end)
        return false;
    if (t.limited < t.always)
        t.limited = t.always;
    *(guest ? &guests : &own) = t;
    return true;
}

bool printk_set_timestamps(const char *value)
{
    static const char *const names[] = { "none", "boot", "raw", "date", "datems" };

    /* The bare option is Xen's older, boolean form of it. */
    if (!*value)
        value = "date";
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strcmp(value, names[i])) {
            timestamps = (enum timestamps)i;
            return true;
        }
    }
    return false;
}

/* Days since 1970-01-01 to a date, counting years from March so that leap days come last. */
static void date_format(char *buf, size_t size, uint64_t ns)
{
    uint64_t s = ns / 1000000000, day = s / 86400 + 719468;
    uint64_t era = day / 146097, doe = day % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    uint64_t month = mp < 10 ? mp + 3 : mp - 9, year = era * 400 + yoe + (month <= 2);
    int n = snprintk(buf, size, "[%lu-%02lu-%02lu %02lu:%02lu:%02lu", year, month,
                     doy - (153 * mp + 2) / 5 + 1, s / 3600 % 24, s / 60 % 60, s % 60);

    if (timestamps == TS_DATEMS)
        n += snprintk(buf + n, size - (size_t)n, ".%03lu", ns / 1000000 % 1000);
    snprintk(buf + n, size - (size_t)n, "] ");
}

static void stamp_format(char *buf, size_t size)
{
    uint64_t now = printk_clock ? printk_clock() : 0;

    buf[0] = 0;
    if (timestamps == TS_RAW)
        snprintk(buf, size, "[%016lx] ", rdtsc());
    else if (timestamps >= TS_DATE && printk_epoch)
        date_format(buf, size, printk_epoch + now);
    else if (timestamps != TS_NONE)
        snprintk(buf, size, "[%5lu.%06lu] ", now / 1000000000, now / 1000 % 1000000);
}

/* Text in lines, each with its prefix. The lock is held. */
static void lines_write(const char *prefix, const char *text)
{
    while (*text) {
        const char *end = strchr(text, '\n');
        size_t bytes = end ? (size_t)(end - text) + 1 : strlen(text);

        if (!column) {
            char stamp[40];

            stamp_format(stamp, sizeof(stamp));
            uart_write("(XEN) ", 6);
            uart_write(stamp, strlen(stamp));
            uart_write(prefix, strlen(prefix));
        }
        uart_write(text, bytes);
        column = !end;
        text += bytes;
    }
}

static void log_write(const char *prefix, const char *text)
{
    spin_lock(&log_lock);
    if (raw_open) {
        uart_write("\n", 1);
        raw_open = column = false;
    }
    lines_write(prefix, text);
    spin_unlock(&log_lock);
}

static void log_format(const char *prefix, const char *fmt, va_list args)
{
    char line[LINE_MAX];

    if (vsnprintk(line, sizeof(line), fmt, args) >= (int)sizeof(line))
        strlcpy(line + sizeof(line) - 5, "...\n", 5);
    log_write(prefix, line);
}

/*
 * True if a guest's line may be printed now. tokens_at runs ahead of the clock by one line's share
 * of time for each line printed, at most by a whole burst. Without a clock yet, no guest has run.
 */
static bool guest_allowed(void)
{
    const uint64_t share = 1000000000 / GUEST_PER_SECOND;
    uint64_t now = printk_clock ? printk_clock() : 0;

    if (tokens_at < now)
        tokens_at = now;
    if (tokens_at - now > (GUEST_BURST - 1) * share)
        return false;
    tokens_at += share;
    return true;
}

static void suppressed_report(void)
{
    char line[48];
    uint32_t n = __atomic_exchange_n(&suppressed, 0, __ATOMIC_RELAXED);

    if (!n)
        return;
    snprintk(line, sizeof(line), "... %u lines suppressed\n", n);
    log_write("", line);
}

void printk(enum log_level level, const char *fmt, ...)
{
    va_list args;

    if (level >= own.limited)
        return;
    suppressed_report();
    va_start(args, fmt);
    log_format("", fmt, args);
    va_end(args);
}

void guest_printk(unsigned domid, unsigned vcpu, enum log_level level, const char *fmt, ...)
{
    char prefix[24];
    va_list args;

    if (level >= guests.limited)
        return;
    if (level >= guests.always && !guest_allowed()) {
        __atomic_fetch_add(&suppressed, 1, __ATOMIC_RELAXED);
        return;
    }
    suppressed_report();
    snprintk(prefix, sizeof(prefix), "d%uv%u ", domid, vcpu);
    va_start(args, fmt);
    log_format(prefix, fmt, args);
    va_end(args);
}

/* Up to the end of the text or of its first line. */
static size_t line_bytes(const char *text, size_t bytes)
{
    size_t n = 0;

    while (n < bytes && text[n++] != '\n')
        ;
    return n;
}

void console_write(const void *owner, const char *prefix, const char *text, size_t bytes)
{
    spin_lock(&log_lock);
    if (raw_open && raw_owner != owner) {
        uart_write("\n", 1);
        raw_open = false;
    }
    raw_owner = owner;
    while (bytes) {
        size_t n = *prefix ? line_bytes(text, bytes) : bytes;

        if (!raw_open)
            uart_write(prefix, strlen(prefix));
        uart_write(text, n);
        raw_open = text[n - 1] != '\n';
        text += n;
        bytes -= n;
    }
    spin_unlock(&log_lock);
}

bool console_line_open(const void *owner)
{
    return raw_open && raw_owner == owner;
}

void console_break_lock(void)
{
    log_lock.held = 0;
}

void console_drain(void)
{
    suppressed_report();
    spin_lock(&log_lock);
    uart_drain();
    spin_unlock(&log_lock);
}
