/* SPDX-License-Identifier: MIT */
/*
 * What kernels are measured by: a line `row NUMBER TIMES NANOSECONDS NAME` for each, the least of
 * several tries. Around each try are marks for tests/host/profile/sides_count.c, instructions of no
 * effect that carry the row's number.
 */
#include "work.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRIES 7

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void fork_exit(void)
{
    int pid = fork();

    if (!pid)
        _exit(0);
    child_ends(pid, 0);
}

static void fork_exec(void)
{
    char *words[] = { "true", 0 };
    int pid = fork();

    if (!pid) {
        execv("/bin/true", words);
        _exit(1);
    }
    child_ends(pid, 0);
}

static void map_touch(size_t pages)
{
    uint8_t *at = mmap(0, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(at != MAP_FAILED);
    for (size_t i = 0; i < pages; i++)
        at[i * PAGE] = 1;
    CHECK(munmap(at, pages * PAGE) == 0);
}

static int there[2], back[2];

/* Another process that answers each byte with one; switching to it and back is two switches. */
static void pipe_round(void)
{
    char byte = 1;

    CHECK(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1);
}

#define MARK_ROW(number) \
    asm volatile(".byte 0x0f, 0x1f, 0x80; .long %c0" ::"i"(0x5e9d0000 | (number)) : "memory")

#define ROW(number, name, act, times)                            \
    do {                                                         \
        uint64_t best = UINT64_MAX;                              \
        for (int try = 0; try < TRIES; try++) {                  \
            uint64_t start = now_ns(), took;                     \
            MARK_ROW(number);                                    \
            for (unsigned i = 0; i < (times); i++)               \
                act;                                             \
            MARK_ROW((number) | 0x100);                          \
            took = (now_ns() - start) / (times);                 \
            best = took < best ? took : best;                    \
        }                                                        \
        printf("row %d %d %lu %s\n", number, times, best, name); \
    } while (0)

/* The first program has come to run: the end of the boot. */
static void run_mark(void)
{
    MARK_ROW(0);
    printf("row 0 1 %lu boot to init\n", now_ns());
    done("booted");
}

static void run_bench(void)
{
    int pid;
    char byte;

    ROW(1, "system call", getppid(), 20000);
    ROW(2, "fork+exit", fork_exit(), 60);
    ROW(3, "fork+exec", fork_exec(), 40);
    ROW(4, "mmap, touch, munmap: 1 page", map_touch(1), 2000);
    ROW(5, "64 pages", map_touch(64), 200);
    ROW(6, "4096 pages", map_touch(4096), 6);
    CHECK(pipe(there) == 0 && pipe(back) == 0);
    pid = fork();
    if (!pid) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
            ;
        _exit(0);
    }
    ROW(7, "pipe round trip", pipe_round(), 2000);
    close(there[1]);
    child_ends(pid, 0);
    pid = fork();
    if (!pid)
        for (;;)
            sched_yield();
    ROW(8, "context switch there and back", sched_yield(), 4000);
    CHECK(kill(pid, SIGKILL) == 0 && wait(0) == pid);
    done("%d tries each", TRIES);
}

const struct part bench_parts[] = {
    { "mark", run_mark, true },
    { "bench", run_bench, true },
    { 0 },
};
