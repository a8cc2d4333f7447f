/* SPDX-License-Identifier: MIT */
/*
 * The workload that runs inside the Linux guest: parts, each of which ends with one line,
 * `ok NAME # what was done` or `not ok NAME # what was wrong`. A part runs in a process of its own.
 */
#ifndef GUESTS_LINUX_WORK_H
#define GUESTS_LINUX_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096ul
#define MIB  (1ul << 20)

/* Ends the part: what is false, where, with the numbers that the format gives. */
#define CHECK(condition, ...)                                      \
    do {                                                           \
        if (!(condition))                                          \
            fail(__FILE__, __LINE__, #condition, " " __VA_ARGS__); \
    } while (0)

__attribute__((noreturn, format(printf, 4, 5))) void fail(const char *file, int line,
                                                          const char *condition, const char *format,
                                                          ...);

/* What the part has done: the text of its line. */
__attribute__((format(printf, 1, 2))) void done(const char *format, ...);

/* Waits for the child and checks that it ended with this exit status. */
void child_ends(int pid, int status);

/* A page-sized pattern that depends on the seed and the page's number; and whether it is there. */
void pattern_fill(uint8_t *at, size_t pages, uint64_t seed);
bool pattern_holds(const uint8_t *at, size_t pages, uint64_t seed);

/* The number behind `name` in a file like /proc/vmstat or /proc/meminfo; -1 if there is none. */
long number_of(const char *path, const char *name);

/* The first number in the file; and what is written to it. */
long number_read(const char *path);
void text_write(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct part {
    const char *name;
    void (*run)(void);
    bool apart; /* not among `all` */
};

extern const struct part process_parts[], memory_parts[], pressure_parts[], signal_parts[],
    thread_parts[], cpu_parts[], bench_parts[];

/* The program was started again by one of its parts: does what its arguments say. */
int exec_again(int count, char **words);

#endif
