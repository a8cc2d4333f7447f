/* SPDX-License-Identifier: MIT */
/* Times of what kernels are measured by: `row NAME NANOSECONDS`, the least of several tries. */
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

static void map_1(void)
{
    map_touch(1);
}

static void map_64(void)
{
    map_touch(64);
}

static void map_4096(void)
{
    map_touch(4096);
}

static int there[2], back[2];

/* Another process that answers each byte with one; switching to it and back is two switches. */
static void pipe_round(void)
{
    char byte = 1;

    CHECK(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1);
}

static void yield(void)
{
    sched_yield();
}

static void system_call(void)
{
    getppid();
}

static void row(const char *name, void (*act)(void), unsigned times)
{
    uint64_t best = UINT64_MAX;

    for (int try = 0; try < TRIES; try++) {
        uint64_t start = now_ns(), took;

        for (unsigned i = 0; i < times; i++)
            act();
        took = (now_ns() - start) / times;
        best = took < best ? took : best;
    }
    printf("row %s %lu\n", name, best);
}

static void run_bench(void)
{
    int pid;
    char byte;

    row("system call", system_call, 20000);
    row("fork+exit", fork_exit, 60);
    row("fork+exec", fork_exec, 40);
    row("mmap 1", map_1, 2000);
    row("mmap 64", map_64, 200);
    row("mmap 4096", map_4096, 6);
    CHECK(pipe(there) == 0 && pipe(back) == 0);
    pid = fork();
    if (!pid) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
            ;
        _exit(0);
    }
    row("pipe round trip", pipe_round, 2000);
    close(there[1]);
    child_ends(pid, 0);
    pid = fork();
    if (!pid)
        for (;;)
            sched_yield();
    row("context switch", yield, 4000);
    CHECK(kill(pid, 9) == 0 && wait(0) == pid);
    done("%d tries each", TRIES);
}

const struct part bench_parts[] = {
    { "bench", run_bench, true },
    { 0 },
};
