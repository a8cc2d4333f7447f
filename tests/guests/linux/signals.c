/* SPDX-License-Identifier: MIT */
/* Faults of a program as signals, with their addresses; signals from outside, on stacks of their own. */
#include "work.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define NON_CANONICAL 0x8000000000000000ul
#define KERNEL        0xffffffff81000000ul
#define HYPERVISOR    0xffff800000000000ul

static sigjmp_buf landing;
static volatile siginfo_t seen;
static volatile uint64_t seen_error, seen_rip;

static void handler(int number, siginfo_t *info, void *context)
{
    const greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

    seen = *info;
    seen_error = (uint64_t)regs[REG_ERR];
    seen_rip = (uint64_t)regs[REG_RIP];
    siglongjmp(landing, number);
}

static void catch (int number)
{
    struct sigaction act = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };

    CHECK(sigaction(number, &act, 0) == 0);
}

enum how { READ, WRITE, CALL };

static void access_at(uint64_t va, enum how how)
{
    if (how == READ)
        asm volatile("movb (%0), %%al" ::"r"(va) : "rax", "memory");
    else if (how == WRITE)
        asm volatile("movb $1, (%0)" ::"r"(va) : "memory");
    else
        asm volatile("call *%0" ::"r"(va) : "rax", "memory");
}

/* An access that must fault with this code and the bits of the error code that a program can see. */
static void faults(uint64_t va, enum how how, int code, uint64_t error, bool address_known)
{
    int number = sigsetjmp(landing, 1);

    if (!number) {
        access_at(va, how);
        CHECK(0, "no fault at %lx", va);
    }
    CHECK(number == SIGSEGV, "signal %d at %lx", number, va);
    CHECK(seen.si_code == code, "code %d at %lx", seen.si_code, va);
    CHECK((uint64_t)seen.si_addr == (address_known ? va : 0), "%p, not %lx", seen.si_addr, va);
    CHECK((seen_error & 0x17) == error, "error code %#lx at %lx", seen_error, va);
}

static void run_segv(void)
{
    uint8_t *page = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t va = (uint64_t)page;

    catch (SIGSEGV);
    page[0] = page[PAGE] = 0xc3;
    CHECK(mprotect(page, PAGE, PROT_READ) == 0 && munmap(page + 2 * PAGE, PAGE) == 0);
    faults(0, READ, SEGV_MAPERR, 4, true);
    faults(8, WRITE, SEGV_MAPERR, 6, true);
    faults(va + 2 * PAGE, READ, SEGV_MAPERR, 4, true);
    faults(va + 2 * PAGE, CALL, SEGV_MAPERR, 0x14, true);
    faults(va + 5, WRITE, SEGV_ACCERR, 7, true);
    faults(va + PAGE, CALL, SEGV_ACCERR, 0x15, true);
    CHECK(mprotect(page + PAGE, PAGE, PROT_NONE) == 0);
    faults(va + PAGE, READ, SEGV_ACCERR, 4, true); /* not present, as far as the CPU is concerned */
    faults(NON_CANONICAL, READ, SI_KERNEL, 0, false);
    faults(NON_CANONICAL, WRITE, SI_KERNEL, 0, false);
    for (int i = 0; i < 300; i++) {
        faults(KERNEL + (uint64_t)i * PAGE, READ, SEGV_MAPERR, 5, true);
        faults(HYPERVISOR + (uint64_t)i * PAGE, WRITE, SEGV_MAPERR, 7, true);
    }
    CHECK(mprotect(page, PAGE, PROT_READ | PROT_EXEC) == 0);
    access_at(va, CALL);
    done("609 faults, each with its address and code");
}

static void expect(int number, int code, void (*act)(void), const char *what)
{
    int got = sigsetjmp(landing, 1);

    if (!got) {
        act();
        CHECK(0, "%s: nothing", what);
    }
    CHECK(got == number && seen.si_code == code, "%s: signal %d, code %d", what, got, seen.si_code);
}

static void divide(void)
{
    asm volatile("xor %%edx, %%edx; mov $5, %%eax; div %%edx" ::: "rax", "rdx");
}

static void undefined(void)
{
    asm volatile("ud2");
}

static void breakpoint(void)
{
    asm volatile("int3");
}

static void single_step(void)
{
    asm volatile("pushfq; orq $0x100, (%rsp); popfq; nop; nop");
}

static void privileged(void)
{
    asm volatile("hlt");
}

static void no_gate(void)
{
    asm volatile("int $0x55");
}

static void overflow_gate(void)
{
    asm volatile("int $4");
}

static void x87_divide(void)
{
    uint16_t control = 0x33b; /* division by zero is not masked */

    asm volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait" ::"m"(control));
}

static void run_traps(void)
{
    int numbers[] = { SIGSEGV, SIGFPE, SIGILL, SIGTRAP };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        catch (numbers[i]);
    for (int i = 0; i < 50; i++) {
        expect(SIGFPE, FPE_INTDIV, divide, "division");
        expect(SIGILL, ILL_ILLOPN, undefined, "ud2");
        expect(SIGTRAP, SI_KERNEL, breakpoint, "int3");
        expect(SIGTRAP, TRAP_TRACE, single_step, "single step");
        expect(SIGSEGV, SI_KERNEL, privileged, "hlt");
        expect(SIGSEGV, SI_KERNEL, no_gate, "int 0x55");
        expect(SIGSEGV, SI_KERNEL, overflow_gate, "int 4");
        expect(SIGFPE, FPE_FLTDIV, x87_divide, "x87 division");
        asm volatile("fninit");
    }
    done("8 kinds, 50 times each");
}

static int recurse(volatile int depth)
{
    volatile char frame[2000];

    frame[0] = (char)depth;
    return depth > 1 << 20 ? 0 : recurse(depth + 1) + frame[0];
}

static void overflow(void)
{
    recurse(0);
}

/* The stack runs over: the handler has one of its own. And a child that dies of what it did. */
static void run_stack(void)
{
    stack_t own = { .ss_sp = mmap(0, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                  -1, 0),
                    .ss_size = 16 * PAGE };
    int status;

    catch (SIGSEGV);
    CHECK(sigaltstack(&own, 0) == 0);
    expect(SIGSEGV, SEGV_MAPERR, overflow, "stack overflow");
    for (int i = 0; i < 40; i++) {
        int pid = fork();

        if (!pid) {
            signal(SIGSEGV, SIG_DFL);
            access_at((uint64_t)i * 8, WRITE);
        }
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
              "child %d ended with %#x", i, status);
    }
    done("an overflow, 40 children that died of SIGSEGV");
}

static volatile sig_atomic_t ticks, kicks;

static void count(int number)
{
    number == SIGALRM ? ticks++ : kicks++;
}

/* A timer's signals while the program computes, and another process's. */
static void run_timers(void)
{
    struct itimerval every = { { 0, 2000 }, { 0, 2000 } }, off = { { 0, 0 }, { 0, 0 } };
    volatile uint64_t sum = 0;
    uint64_t i;
    int pid;

    signal(SIGALRM, count);
    signal(SIGUSR1, count);
    CHECK(setitimer(ITIMER_REAL, &every, 0) == 0);
    for (i = 0; ticks < 200; i++)
        sum += i;
    CHECK(setitimer(ITIMER_REAL, &off, 0) == 0);
    CHECK(sum == i * (i - 1) / 2, "the sum is wrong");
    pid = fork();
    if (!pid) {
        for (int n = 0; n < 300; n++) {
            kill(getppid(), SIGUSR1);
            usleep(100);
        }
        _exit(0);
    }
    while (kicks < 100)
        pause();
    child_ends(pid, 0);
    done("%d ticks, %d signals of another process", (int)ticks, (int)kicks);
}

const struct part signal_parts[] = {
    { "segv", run_segv, false },
    { "traps", run_traps, false },
    { "stack", run_stack, false },
    { "timers", run_timers, false },
    { 0 },
};
