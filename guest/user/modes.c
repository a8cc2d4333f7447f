/*
 * SPDX-License-Identifier: MIT
 *
 * modes - what user mode looks like from inside: modes NAME.
 * Status 0, or the number of the check that failed; the exceptions kill it.
 */
#include "user.h"

#include <stdint.h>
#include <string.h>

#define FLAGS_KEPT 0xcd5UL /* OF DF SF ZF AF PF CF: what a program sees unchanged */

static uint64_t untouched[1024]; /* pages of bss that no one has faulted in */

static int segments(void)
{
    uint16_t cs, ss;

    __asm__ volatile("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
    if (cs != 0xe033)
        return 1;
    return ss == 0xe02b ? 0 : 2;
}

/* SYSCALL changes RAX, RCX (the next instruction), R11 (the flags), and nothing else. */
static int syscall_registers(void)
{
    static const uint64_t in[9] = { 11, 12, 13, 14, 15, 16, 17, 18, 19 };
    register uint64_t r8 __asm__("r8");
    register uint64_t r9 __asm__("r9");
    register uint64_t r10 __asm__("r10");
    register uint64_t r12 __asm__("r12");
    register uint64_t r13 __asm__("r13");
    register uint64_t r14 __asm__("r14");
    register uint64_t r11 __asm__("r11");
    uint64_t rdi = in[0], rsi = in[1], rdx = in[2], rax = SYS_GETPID, rcx, next, flags;

    r8 = in[3];
    r9 = in[4];
    r10 = in[5];
    r12 = in[6];
    r13 = in[7];
    r14 = in[8];
    __asm__ volatile("lea 1f(%%rip), %[next]; stc; syscall; 1: pushfq; popq %[flags]"
                     : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r8), "+r"(r9), "+r"(r10),
                       "+r"(r12), "+r"(r13), "+r"(r14), "=&c"(rcx),
                       "=&r"(r11), [next] "=&b"(next), [flags] "=&r"(flags)
                     :
                     : "memory", "cc");
    uint64_t out[9] = { rdi, rsi, rdx, r8, r9, r10, r12, r13, r14 };

    if (memcmp(in, out, sizeof(in)) != 0)
        return 3;
    if ((long)rax <= 0)
        return 4;
    if (rcx != next)
        return 5;
    if ((r11 ^ flags) & FLAGS_KEPT)
        return 6;
    return flags & 1 ? 0 : 12;
}

/* A demand fault changes nothing at all, RCX and R11 included. */
static int fault_registers(void)
{
    uint64_t a = 1, b = 2, c = 3, d = 4, before, after, value;
    register uint64_t r11 __asm__("r11") = 5;

    __asm__ volatile("stc; pushfq; popq %[before]; mov (%[at]), %[value]; pushfq; popq %[after]"
                     : "+a"(a), "+b"(b), "+c"(c), "+d"(d),
                       "+r"(r11), [before] "=&r"(before), [after] "=&r"(after), [value] "=&r"(value)
                     : [at] "r"(&untouched[600])
                     : "memory", "cc");
    if (a != 1 || b != 2 || c != 3 || d != 4 || r11 != 5)
        return 7;
    if ((before ^ after) & FLAGS_KEPT)
        return 8;
    return value ? 9 : 0;
}

static int fpu(void)
{
    double x = 1.0 / 3, y;
    uint32_t mxcsr = 0x7f80, now; /* round toward zero */

    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    __asm__ volatile("movsd %0, %%xmm7" : : "m"(x) : "xmm7");
    sys_yield();
    untouched[10] = 1;
    __asm__ volatile("movsd %%xmm7, %0; stmxcsr %1" : "=m"(y), "=m"(now));
    if (y != x)
        return 10;
    return (now & 0xffc0) == mxcsr ? 0 : 11;
}

#define RAISES(name, ...)              \
    static int name(void)              \
    {                                  \
        __asm__ volatile(__VA_ARGS__); \
        return 99;                     \
    }

RAISES(divide, "xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx" : : : "eax", "ecx", "edx", "cc")
RAISES(step, "pushfq; orl $0x100, (%%rsp); popfq; nop; nop" : : : "memory", "cc")
RAISES(breakpoint, "int3")
RAISES(undefined, "ud2")
RAISES(protection, "hlt")
RAISES(segment, "mov $0x1b, %%eax; mov %%eax, %%es" : : : "eax")
RAISES(noncanonical, "mov %0, %%rax; mov (%%rax), %%rax" : : "i"(0x0000900000000000) : "rax")

static const struct {
    const char *name;
    int (*run)(void);
} modes[] = {
    { "segments", segments },
    { "syscall", syscall_registers },
    { "fault", fault_registers },
    { "fpu", fpu },
    { "divide", divide },
    { "step", step },
    { "breakpoint", breakpoint },
    { "undefined", undefined },
    { "protection", protection },
    { "segment", segment },
    { "noncanonical", noncanonical },
};

int main(int argc, char **argv)
{
    for (unsigned int i = 0; argc == 2 && i < sizeof(modes) / sizeof(modes[0]); i++)
        if (!strcmp(modes[i].name, argv[1]))
            return modes[i].run();
    return 98;
}
