/* SPDX-License-Identifier: MIT */
/* Threads: locks, thread-local memory, what one CPU's worth of them does; and the FPU of each. */
#include "work.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 12
#define ROUNDS  20000
#define PASSES  2000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static unsigned turn;
static uint64_t guarded;
static _Atomic uint64_t shared;
static __thread uint64_t own;

static void *adder(void *argument)
{
    uint64_t number = (uint64_t)argument;

    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        guarded += number;
        pthread_mutex_unlock(&lock);
        shared += number;
        own += number;
        if (i % 64 == 0)
            sched_yield();
    }
    return (void *)own;
}

static void *passer(void *argument)
{
    unsigned number = (unsigned)(uint64_t)argument;

    for (int i = 0; i < PASSES / THREADS; i++) {
        pthread_mutex_lock(&lock);
        while (turn % THREADS != number)
            pthread_cond_wait(&turn_changed, &lock);
        turn++;
        pthread_cond_broadcast(&turn_changed);
        pthread_mutex_unlock(&lock);
    }
    return 0;
}

static void *mapper(void *argument)
{
    uint64_t number = (uint64_t)argument;

    for (unsigned i = 0; i < 60; i++) {
        uint8_t *at =
            mmap(0, 40 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        CHECK(at != MAP_FAILED);
        pattern_fill(at, 40, number << 32 | i);
        sched_yield();
        CHECK(pattern_holds(at, 40, number << 32 | i), "another thread's memory");
        CHECK(munmap(at, 40 * PAGE) == 0);
    }
    return 0;
}

static void all(void *(*run)(void *), uint64_t each)
{
    pthread_t thread[THREADS];
    void *result;

    for (uint64_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&thread[i], 0, run, (void *)i) == 0, "thread %lu", i);
    for (uint64_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(thread[i], &result) == 0);
        CHECK((uint64_t)result == i * each, "thread %lu counted %p", i, result);
    }
}

static void run_threads(void)
{
    uint64_t sum = (uint64_t)THREADS * (THREADS - 1) / 2 * ROUNDS;

    all(adder, ROUNDS);
    CHECK(guarded == sum && shared == sum, "%lu and %lu, not %lu", guarded, (uint64_t)shared, sum);
    all(passer, 0);
    CHECK(turn == PASSES / THREADS * THREADS);
    all(mapper, 0);
    done("%d threads: %d locked steps, %u turns, own mappings", THREADS, THREADS * ROUNDS, turn);
}

/* Every register of FPU and SSE, and both control words, filled from a number. */
struct fpu {
    uint64_t st[8]; /* doubles */
    uint64_t xmm[16][2];
    uint32_t mxcsr;
    uint16_t control, none;
};

#define EACH_XMM(act)                                                                             \
    act(0) act(1) act(2) act(3) act(4) act(5) act(6) act(7) act(8) act(9) act(10) act(11) act(12) \
        act(13) act(14) act(15)
#define LOAD(n)  asm volatile("movups %0, %%xmm" #n ::"m"(f->xmm[n]));
#define STORE(n) asm volatile("movups %%xmm" #n ", %0" : "=m"(f->xmm[n]));

static void fpu_load(const struct fpu *f)
{
    asm volatile("fninit; fldcw %0; ldmxcsr %1" ::"m"(f->control), "m"(f->mxcsr));
    for (int i = 7; i >= 0; i--)
        asm volatile("fldl %0" ::"m"(f->st[i]));
    EACH_XMM(LOAD)
}

static void fpu_store(struct fpu *f)
{
    EACH_XMM(STORE)
    asm volatile("fnstcw %0; stmxcsr %1" : "=m"(f->control), "=m"(f->mxcsr));
    for (int i = 0; i < 8; i++)
        asm volatile("fstpl %0" : "=m"(f->st[i]));
}

/* Gives the CPU away, or computes until it is taken away, and finds its registers as they were. */
__attribute__((noinline)) static void fpu_rounds(unsigned number)
{
    struct fpu mine = { .mxcsr = 0x1f80 | (number & 3) << 13,
                        .control = (uint16_t)(0x37f | (number & 3) << 10) };
    struct fpu found;

    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < 8; i++) {
            double value = number * 1000.0 + round + i;

            memcpy(&mine.st[i], &value, sizeof(value));
        }
        for (unsigned i = 0; i < 16; i++) {
            mine.xmm[i][0] = (uint64_t)number << 40 | round << 8 | i;
            mine.xmm[i][1] = ~mine.xmm[i][0];
        }
        memset(&found, 0, sizeof(found));
        fpu_load(&mine);
        if (round % 30) /* sched_yield, with nothing between that uses the FPU */
            asm volatile("syscall" ::"a"(24) : "rcx", "r11", "memory");
        else
            for (unsigned i = 0; i < 2000000; i++)
                asm volatile("" ::: "memory");
        fpu_store(&found);
        CHECK(!memcmp(&found, &mine, sizeof(mine)), "process %u, round %u", number, round);
    }
}

static void run_fpu(void)
{
    int pids[6];

    for (unsigned i = 0; i < 6; i++) {
        pids[i] = fork();
        if (!pids[i]) {
            fpu_rounds(i + 1);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < 6; i++)
        child_ends(pids[i], 0);
    done("6 processes, 300 rounds, all of x87 and SSE");
}

const struct part thread_parts[] = {
    { "threads", run_threads, false },
    { "fpu", run_fpu, false },
    { 0 },
};
