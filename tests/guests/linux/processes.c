/* SPDX-License-Identifier: MIT */
/* Processes: storms of fork and exec, trees of them, page tables that come and go. */
#include "work.h"

#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS   400
#define AT_ONCE 40
#define EXECS   120
#define DEPTH   60
#define SHARED  64 /* pages */

int exec_again(int count, char **words)
{
    if (count == 5 && !strcmp(words[2], "exit") && !strcmp(words[4], getenv("AGAIN") ?: ""))
        return atoi(words[3]);
    return 99;
}

/* Children that end at once, and many that live at the same time. */
static void run_forks(void)
{
    int pids[AT_ONCE], ends[2];
    char byte;

    for (int i = 0; i < FORKS; i++) {
        int pid = fork();

        CHECK(pid >= 0, "fork %d", i);
        if (!pid)
            _exit(i % 200);
        child_ends(pid, i % 200);
    }
    CHECK(pipe(ends) == 0);
    for (int i = 0; i < AT_ONCE; i++) {
        pids[i] = fork();
        CHECK(pids[i] >= 0, "fork %d of many", i);
        if (!pids[i]) {
            close(ends[1]);
            CHECK(read(ends[0], &byte, 1) == 0); /* until the parent closes its end */
            _exit(i);
        }
    }
    close(ends[1]);
    for (int i = 0; i < AT_ONCE; i++)
        child_ends(pids[i], i);
    done("%d one by one, %d at a time", FORKS, AT_ONCE);
}

/* Each generation forks the next, changes its own copy of the data, and checks what it had before. */
static int generation(uint8_t *data, unsigned depth)
{
    int pid;

    if (!depth)
        return 7;
    pid = fork();
    CHECK(pid >= 0, "fork at depth %u", depth);
    if (!pid) {
        CHECK(pattern_holds(data, SHARED, depth));
        pattern_fill(data, SHARED, depth - 1);
        _exit(generation(data, depth - 1));
    }
    child_ends(pid, 7);
    CHECK(pattern_holds(data, SHARED, depth), "a descendant's writes are seen at depth %u", depth);
    return 7;
}

static void run_tree(void)
{
    uint8_t *data =
        mmap(0, SHARED * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int pid;

    CHECK(data != MAP_FAILED);
    pattern_fill(data, SHARED, DEPTH);
    pid = fork();
    if (!pid)
        _exit(generation(data, DEPTH));
    child_ends(pid, 7);
    done("%u generations deep, %u pages each", DEPTH, SHARED);
}

static void run_execs(void)
{
    char number[16], word[16], setting[32];
    char *words[] = { "work", "again", "exit", number, word, 0 };
    char *settings[] = { setting, 0 };
    int pid;

    for (int i = 0; i < EXECS; i++) {
        snprintf(number, sizeof(number), "%d", i % 90);
        snprintf(word, sizeof(word), "w%d", i * 7);
        snprintf(setting, sizeof(setting), "AGAIN=%s", word);
        if (i % 3 == 2) { /* vfork and exec, as the C library does it */
            CHECK(posix_spawn(&pid, "/proc/self/exe", 0, 0, words, settings) == 0);
        } else {
            pid = fork();
            CHECK(pid >= 0, "fork");
            if (!pid) {
                execve("/proc/self/exe", words, settings);
                _exit(98);
            }
        }
        child_ends(pid, i % 90);
    }
    done("%d programs", EXECS);
}

/* Programs of another maker, in pipelines: busybox. */
static void run_shell(void)
{
    char line[64] = "";
    FILE *output = popen("i=0; while [ $i -lt 40 ]; do echo $i | cat | tr 0-9 a-j; i=$((i+1)); done"
                         " | sort -r | head -n 3 | md5sum",
                         "r");

    CHECK(output && fgets(line, sizeof(line), output), "no output");
    CHECK(pclose(output) == 0);
    CHECK(!strncmp(line, "4d5d4a1208da5ff6be999efc355766dd", 32), "the pipeline gave %s", line);
    done("40 pipelines of three");
}

const struct part process_parts[] = {
    { "forks", run_forks, false },
    { "tree", run_tree, false },
    { "execs", run_execs, false },
    { "shell", run_shell, false },
    { 0 },
};
