/* SPDX-License-Identifier: MIT */
/* Runs the parts of the workload that its arguments name (`all` for all of them), one after the other. */
#include "work.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PART_SECONDS 120u

static const struct part *const tables[] = { process_parts, memory_parts, pressure_parts,
                                             signal_parts,  thread_parts, cpu_parts,
                                             bench_parts };
static const char *part_name = "?";
static char part_text[200];

void fail(const char *file, int line, const char *condition, const char *format, ...)
{
    const char *base = strrchr(file, '/');
    va_list args;

    printf("not ok %s # %s:%d: not so: %s;", part_name, base ? base + 1 : file, line, condition);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf(" (errno %d)\n", errno);
    fflush(stdout);
    _exit(1);
}

void done(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(part_text, sizeof(part_text), format, args);
    va_end(args);
}

void child_ends(int pid, int status)
{
    int got;

    CHECK(waitpid(pid, &got, 0) == pid, "child %d is not there", pid);
    CHECK(WIFEXITED(got) && WEXITSTATUS(got) == status, "child ended with %#x, not %d", got,
          status);
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ul;
    x = (x ^ x >> 27) * 0x94d049bb133111ebul;
    return x ^ x >> 31;
}

void pattern_fill(uint8_t *at, size_t pages, uint64_t seed)
{
    for (size_t page = 0; page < pages; page++)
        for (size_t i = 0; i < PAGE; i += 256)
            *(uint64_t *)(at + page * PAGE + i) = mix(seed + page * PAGE + i);
}

bool pattern_holds(const uint8_t *at, size_t pages, uint64_t seed)
{
    for (size_t page = 0; page < pages; page++)
        for (size_t i = 0; i < PAGE; i += 256)
            if (*(const uint64_t *)(at + page * PAGE + i) != mix(seed + page * PAGE + i))
                return false;
    return true;
}

long number_of(const char *path, const char *name)
{
    char line[200];
    long found = -1;
    size_t length = strlen(name);
    FILE *file = fopen(path, "r");

    CHECK(file, "%s", path);
    while (found < 0 && fgets(line, sizeof(line), file))
        if (!strncmp(line, name, length) && strchr(" :\t", line[length]))
            found = atol(line + length + strspn(line + length, " :\t"));
    fclose(file);
    return found;
}

long number_read(const char *path)
{
    char text[64] = "";
    FILE *file = fopen(path, "r");

    CHECK(file && fgets(text, sizeof(text), file), "%s", path);
    fclose(file);
    return atol(text);
}

void text_write(const char *path, const char *format, ...)
{
    FILE *file = fopen(path, "w");
    va_list args;

    CHECK(file, "%s", path);
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    CHECK(fclose(file) == 0, "writing %s", path);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Runs one part in a process of its own; what it leaves running goes with it. */
static bool part_run(const struct part *part)
{
    double start = seconds();
    int pid, status;

    fflush(stdout);
    pid = fork();
    CHECK(pid >= 0, "fork");
    if (!pid) {
        part_name = part->name;
        alarm(PART_SECONDS);
        part->run();
        printf("ok %s # %s (%.2f s)\n", part_name, part_text, seconds() - start);
        fflush(stdout);
        _exit(0);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status)) {
        printf("not ok %s # died of signal %d\n", part->name, WTERMSIG(status));
        return false;
    }
    return WEXITSTATUS(status) == 0;
}

static bool wanted(const struct part *part, int count, char **words)
{
    for (int i = 1; i < count; i++)
        if (!strcmp(words[i], part->name) || (!strcmp(words[i], "all") && !part->apart))
            return true;
    return false;
}

int main(int count, char **words)
{
    unsigned passed = 0, failed = 0;

    if (count > 1 && !strcmp(words[1], "again"))
        return exec_again(count, words);
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
        for (const struct part *part = tables[t]; part->name; part++)
            if (wanted(part, count, words))
                part_run(part) ? passed++ : failed++;
    printf("# %u passed, %u failed\n", passed, failed);
    return failed || !passed;
}
