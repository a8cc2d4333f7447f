/*
 * SPDX-License-Identifier: MIT
 *
 * insn.h - instructions that scenarios execute with registers of their choice: carried out or trapping.
 */
#ifndef TESTS_SCENARIOS_INSN_H
#define TESTS_SCENARIOS_INSN_H

#include "scenario.h"

struct regs {
    uint64_t a, b, c, d, si, di;
};

/* A function of trap_catch() that runs one or more instructions on *arg's registers. */
#define INSN(name, text)                                                                \
    static void name(void *arg)                                                         \
    {                                                                                   \
        struct regs *r = arg;                                                           \
                                                                                        \
        __asm__ volatile(text                                                           \
                         : "+a"(r->a), "+b"(r->b), "+c"(r->c), "+d"(r->d), "+S"(r->si), \
                           "+D"(r->di)                                                  \
                         :                                                              \
                         : "memory", "cc", "r8", "r9", "r10", "r11");                   \
    }

/* It must be carried out. */
static inline struct regs runs_at(int line, void (*insn)(void *), struct regs r)
{
    struct trap_report report = { 0 };

    if (trap_catch(insn, &r, &report))
        scenario_fail("line %d: vector %u error %x cr2 %lx instead of being carried out", line,
                      report.vector, report.error, report.cr2);
    return r;
}
#define runs(insn, ...) runs_at(__LINE__, insn, (struct regs){ __VA_ARGS__ })

/* It must raise this vector with this error code. */
static inline void traps_at(int line, void (*insn)(void *), struct regs r, unsigned int vector,
                            uint32_t error)
{
    struct trap_report report = { 0 };

    if (!trap_catch(insn, &r, &report))
        scenario_fail("line %d: carried out, not refused", line);
    if (report.vector != vector || report.error != error)
        scenario_fail("line %d: vector %u error %x, not vector %u error %x", line, report.vector,
                      report.error, vector, error);
}
#define traps(vector, error, insn, ...) \
    traps_at(__LINE__, insn, (struct regs){ __VA_ARGS__ }, vector, error)
#define refused(insn, ...) traps(TRAP_GP, 0, insn, __VA_ARGS__)

#endif
