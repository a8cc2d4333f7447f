/* SPDX-License-Identifier: MIT */
/*
 * The log: lines on the serial port in Xen's shape, "(XEN) [timestamp] text". Levels and rate
 * limits by loglvl= and guest_loglvl=. Guest-triggered lines are rate-limited (hazard H12).
 */
#ifndef HV_LIB_PRINTK_H
#define HV_LIB_PRINTK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_ALWAYS, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/*
 * Formats and prints; the text ends a line when it ends in '\n'. Knows %d %u %x %lx %lu %ld %llx %p
 * %s %c %zu %%, widths, 0 and - flags, %.*s.
 */
void printk(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * The same for a line that a domain causes: prefixed "d<domid>v<vcpu> ", guest_loglvl applies,
 * rate-limited.
 */
void guest_printk(unsigned domid, unsigned vcpu, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

int snprintk(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int vsnprintk(char *buf, size_t size, const char *fmt, va_list args);

/*
 * Console output of guests: bytes to the serial line without a limit. prefix begins each line, unless
 * it continues one that the same owner has left open.
 */
void console_write(const void *owner, const char *prefix, const char *text, size_t bytes);
/* True if the line being written is this owner's. */
bool console_line_open(const void *owner);

/* Waits until the last byte has left the UART. Says first how many guest lines were held back. */
void console_drain(void);

/* For panic(): nobody else will run, and the fault may have struck inside printk(). */
void console_break_lock(void);

/*
 * Time in ns since boot for time stamps and rate limits; 0 until main.c has set it from the clock
 * of cpu/timer.c. printk_epoch: wall clock at time 0, ns since 1970, 0 if unknown
 * (console_timestamps=date).
 */
extern uint64_t (*printk_clock)(void);
extern uint64_t printk_epoch;

/* "loglvl=" and "guest_loglvl=" values: <always>[/<ratelimited>]. False if malformed. */
bool printk_set_levels(const char *value, bool guest);
/* "console_timestamps=": none, boot, raw, date, datems. */
bool printk_set_timestamps(const char *value);

/*
 * Prints "Panic on CPU 0:" and the text, dumps, drains, stops the machine. For our own faults only.
 */
__attribute__((noreturn, format(printf, 1, 2))) void panic(const char *fmt, ...);

#define ASSERT(cond)                                                            \
    do {                                                                        \
        if (__builtin_expect(!(cond), 0))                                       \
            panic("Assertion '%s' failed at %s:%d", #cond, __FILE__, __LINE__); \
    } while (0)

/* TRACE=1: one line for each step on page tables. Costs one load and branch when off. */
extern bool trace_on;
#define trace(...)                                     \
    do {                                               \
        if (__builtin_expect(trace_on, 0))             \
            printk(LOG_ALWAYS, "trace: " __VA_ARGS__); \
    } while (0)

#endif
