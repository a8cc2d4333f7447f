/* SPDX-License-Identifier: MIT */
/* What a program can ask of the CPU through the kernel: segments, 32-bit code, debugging, ports, time. */
#include "work.h"

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <stddef.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LDT_LAST 8191u
#define STEPS    1000

static uint64_t gs_read(uint64_t offset)
{
    uint64_t value;

    asm volatile("movq %%gs:(%1), %0" : "=r"(value) : "r"(offset));
    return value;
}

/* Segments of a table of this process's own, also in a child; bases set by the kernel. */
static void run_segments(void)
{
    uint64_t *low =
        mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    struct user_desc d = {
        .base_addr = (unsigned)(uint64_t)low, .limit = PAGE - 1, .seg_32bit = 1, .useable = 1
    };
    static uint64_t word = 0x1234567890abcdef;
    unsigned entries[] = { 0, 1, 511, 512, 4095, LDT_LAST };
    int pid;

    CHECK(low != MAP_FAILED);
    low[0] = 0x5e9;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
            d.entry_number = entries[i];
            CHECK(syscall(SYS_modify_ldt, 1, &d, sizeof(d)) == 0, "entry %u", entries[i]);
            asm volatile("movw %w0, %%gs" ::"r"(entries[i] << 3 | 7));
            CHECK(gs_read(0) == 0x5e9, "entry %u", entries[i]);
        }
        pid = fork();
        if (!pid) {
            CHECK(gs_read(0) == 0x5e9, "in the child");
            low[0] = 0;
            CHECK(gs_read(0) == 0);
            _exit(0);
        }
        child_ends(pid, 0);
        CHECK(gs_read(0) == 0x5e9);
        asm volatile("movw %w0, %%gs" ::"r"(0));
        CHECK(syscall(SYS_arch_prctl, ARCH_SET_GS, (uint64_t)&word) == 0);
        CHECK(gs_read(0) == word, "a base that the kernel set");
        asm volatile("movw %w0, %%gs" ::"r"(0));
    }
    done("entries up to %u, 20 times, in children too", LDT_LAST);
}

/* Code of 32 bits, in the kernel's own segment for it: system calls by int 0x80, and a fault there. */
static void run_compat(void)
{
    static const uint8_t code[] = {
        0xb8, 20,   0,    0,    0,    0xcd, 0x80, /* getpid */
        0x89, 0xc6,                               /* mov %eax, %esi */
        0xbf, 0x78, 0x56, 0x34, 0x12,             /* mov $0x12345678, %edi */
        0x40,                                     /* inc %eax: a prefix in 64-bit code */
        0xcb,                                     /* lret */
    };
    uint8_t *low = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    uint32_t pid, filled;
    long result;

    CHECK(low != MAP_FAILED);
    memcpy(low, code, sizeof(code));
    for (int i = 0; i < 500; i++) {
        /* The far return finds eight bytes, as a 32-bit far call would have left them. */
        asm volatile("mov %%rsp, %%r15; lea 0x3ff0(%3), %%rsp\n"
                     "movl $1f, (%%rsp); movl $0x33, 4(%%rsp)\n"
                     "sub $16, %%rsp; movq %3, (%%rsp); movq $0x23, 8(%%rsp); lretq\n"
                     "1: mov %%r15, %%rsp\n"
                     : "=S"(pid), "=D"(filled), "=a"(result)
                     : "r"((uint64_t)low)
                     : "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rcx", "rdx", "memory",
                       "cc");
        CHECK(pid == (uint32_t)getpid() && filled == 0x12345678, "pid %u, %#x", pid, filled);
        CHECK(result == (long)pid + 1);
    }
    asm volatile("int $0x80" : "=a"(result) : "a"(20l) : "memory", "r8", "r9", "r10", "r11");
    CHECK(result == getpid(), "int 0x80 of 64-bit code gives %ld", result);
    done("500 far calls to 32-bit code with int 0x80");
}

static volatile uint64_t watched;

/* A child under a debugger: steps, a watchpoint, a breakpoint, registers read and written. */
static void run_ptrace(void)
{
    struct user_regs_struct regs;
    int pid = fork(), status, steps = 0;

    if (!pid) {
        CHECK(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
        raise(SIGSTOP);
        for (volatile int i = 0; i < 400; i++)
            ;
        watched = 5;
        asm volatile("mov $0, %%rbx; int3; mov %%rbx, %0" : "=m"(watched)::"rbx");
        _exit(watched == 77 ? 3 : 4);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
    while (steps++ < STEPS) {
        CHECK(ptrace(PTRACE_SINGLESTEP, pid, 0, 0) == 0);
        CHECK(waitpid(pid, &status, 0) == pid && WSTOPSIG(status) == SIGTRAP, "step %d: %#x", steps,
              status);
    }
    CHECK(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[0]), &watched) == 0);
    CHECK(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[7]), 0x90001l) == 0);
    CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WSTOPSIG(status) == SIGTRAP, "watchpoint: %#x", status);
    CHECK(ptrace(PTRACE_PEEKDATA, pid, &watched, 0) == 5, "stopped before the write");
    CHECK(ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[6]), 0) & 1, "DR6");
    CHECK(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[7]), 0) == 0);
    CHECK(ptrace(PTRACE_CONT, pid, 0, 0) == 0 && waitpid(pid, &status, 0) == pid);
    CHECK(WSTOPSIG(status) == SIGTRAP, "breakpoint: %#x", status);
    CHECK(ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0 && regs.rbx == 0);
    regs.rbx = 77;
    CHECK(ptrace(PTRACE_SETREGS, pid, 0, &regs) == 0 && ptrace(PTRACE_CONT, pid, 0, 0) == 0);
    child_ends(pid, 3);
    done("%d steps, a watchpoint, a breakpoint", STEPS);
}

/* Ports that the kernel opens to a program: nothing is behind them, and nothing happens. */
static void run_ports(void)
{
    CHECK(ioperm(0x300, 8, 1) == 0, "ioperm");
    for (int i = 0; i < 200; i++) {
        CHECK(inb(0x300) == 0xff && inw(0x302) == 0xffff && inl(0x304) == 0xffffffff);
        outb((uint8_t)i, 0x300);
    }
    CHECK(ioperm(0x300, 8, 0) == 0 && iopl(3) == 0, "iopl");
    CHECK(inb(0x308) == 0xff);
    CHECK(iopl(0) == 0);
    done("ioperm, iopl");
}

/* Clocks do not go back, sleeps are no shorter than asked, and the date is this century's. */
static void run_time(void)
{
    struct timespec last = { 0, 0 }, now, start;
    long longest = 0;

    for (int i = 0; i < 200000; i++) {
        clock_gettime(i & 1 ? CLOCK_MONOTONIC : CLOCK_MONOTONIC_RAW, &now);
        if (!(i & 1))
            continue;
        CHECK(now.tv_sec > last.tv_sec ||
                  (now.tv_sec == last.tv_sec && now.tv_nsec >= last.tv_nsec),
              "the clock went back, at reading %d", i);
        last = now;
    }
    for (int i = 0; i < 50; i++) {
        struct timespec want = { 0, 3000000 };
        long slept;

        clock_gettime(CLOCK_MONOTONIC, &start);
        nanosleep(&want, 0);
        clock_gettime(CLOCK_MONOTONIC, &now);
        slept = (now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec;
        CHECK(slept >= want.tv_nsec, "slept %ld ns", slept);
        longest = slept > longest ? slept : longest;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    CHECK(now.tv_sec > 1600000000 && now.tv_sec < 4102444800, "%ld s since 1970", now.tv_sec);
    done("100000 readings, 50 sleeps of 3 ms, the longest %.1f ms", (double)longest / 1e6);
}

const struct part cpu_parts[] = {
    { "segments", run_segments, false }, { "compat", run_compat, false },
    { "ptrace", run_ptrace, false },     { "ports", run_ports, false },
    { "time", run_time, false },         { 0 },
};
