/*
 * SPDX-License-Identifier: MIT
 *
 * ask_iret.c - the iret hypercall, and plain IRETQ: selectors, addresses, flags.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"
#include "trial.h"

static const char *const modes[] = { "kernel", "user" };

static void selectors(void)
{
    static const uint64_t cs[] = { 0xe033,
                                   0xe030,
                                   0xe031,
                                   0xe032,
                                   0xe02b,
                                   0xe028,
                                   0xe023,
                                   0xe020,
                                   0xe019,
                                   0xe01b,
                                   0xe008,
                                   0xe00b,
                                   0xe013,
                                   0xe010,
                                   0,
                                   1,
                                   2,
                                   3,
                                   4,
                                   7,
                                   8,
                                   0x0b,
                                   0x18,
                                   0x1b,
                                   0x33,
                                   0x1003,
                                   0xe03b,
                                   0xe043,
                                   0xfff8,
                                   0xffff,
                                   0x1e033,
                                   0xffffffff0000e033,
                                   0xffffffff0000e030 };
    static const uint64_t ss[] = { 0xe02b, 0xe028, 0xe029, 0,      1,      2,      3,
                                   4,      7,      8,      0x0b,   0x1003, 0xe033, 0xe023,
                                   0xe00b, 0xe043, 0xfff8, 0xffff, 0x1e02b };

    static const char *const ways[] = { "hypercall", "iretq", "in-syscall" };

    for (unsigned int by = 0; by < 3; by++)
        for (unsigned int i = 0; i < sizeof(cs) / sizeof(cs[0]); i++) {
            struct trial t = trial_of(IN_KERNEL);

            t.in.cs = cs[i];
            t.by_iretq = by == 1;
            t.in.flags = by == 2 ? 0x100 : 0;
            trial_code("\x90\x90", 2);
            ask("iret/%s/cs/%lx", ways[by], cs[i]);
            trial_run(&t);
            tell_frame(&t);
            told();
        }
    for (unsigned int by = 0; by < 3; by++)
        for (unsigned int mode = 0; mode < 2; mode++)
            for (unsigned int i = 0; i < sizeof(ss) / sizeof(ss[0]); i++) {
                struct trial t = trial_of(mode);

                if (by == 1 && mode)
                    continue;
                t.in.ss = ss[i];
                t.in.cs |= by == 1 ? 3 : 0;
                t.by_iretq = by == 1;
                t.in.flags = by == 2 ? 0x100 : 0;
                trial_code("\x90\x90", 2);
                ask("iret/%s/ss/%lx/%s", ways[by], ss[i], modes[mode]);
                trial_run(&t);
                tell_frame(&t);
                told();
            }
}

static void addresses(void)
{
    static const uint64_t rip[] = { TRIAL_CODE,         TRIAL_CODE + 5,     TRIAL_DATA,
                                    TRIAL_ABSENT,       TRIAL_KERNEL,       0,
                                    0x00007ffffffff000, 0x00007fffffffffff, 0x0000800000000000,
                                    0x8000000000000000, 0xffff7fffffffffff, 0xffff800000000000,
                                    0xffff82d000000000, 0xffff87fffffffff0, 0xffff880000000000,
                                    0xffffffffffffffff };
    static const uint64_t flags[] = { 0, 0x100 };
    static const uint64_t cs[] = { 0xe030, 0xe033, 0xe023 };

    for (unsigned int c = 0; c < 3; c++)
        for (unsigned int f = 0; f < 2; f++)
            for (unsigned int i = 0; i < sizeof(rip) / sizeof(rip[0]); i++) {
                struct trial t = trial_of(IN_KERNEL);

                t.in.rip = rip[i];
                t.in.cs = cs[c];
                t.in.flags = flags[f];
                trial_code("\x90\x90\x90\x90\x90\x90\x90\x90", 8);
                ask("iret/rip/%lx/cs-%lx/flags-%lx", rip[i], cs[c], flags[f]);
                trial_run(&t);
                tell_frame(&t);
                told();
            }
}

/* Stacks: user mode alone, a kernel without one dies. */
static void stacks(void)
{
    static const uint64_t rsp[] = { TRIAL_STACK,        TRIAL_STACK - 1,    0,
                                    TRIAL_ABSENT,       0x00007ffffffff000, 0x0000800000000000,
                                    0x8000000000000000, 0xffff800000000000, 0xffff87ffffffffff,
                                    0xffffffffffffffff };

    for (unsigned int f = 0; f < 2; f++)
        for (unsigned int i = 0; i < sizeof(rsp) / sizeof(rsp[0]); i++) {
            struct trial t = trial_of(IN_USER);

            t.in.rsp = rsp[i];
            t.in.flags = f ? 0x100 : 0;
            trial_code("\x50\x90", 2); /* push %rax */
            ask("iret/rsp/%lx/flags-%lx", rsp[i], t.in.flags);
            trial_run(&t);
            tell_frame(&t);
            told();
        }
}

static void flags(void)
{
    for (unsigned int mode = 0; mode < 2; mode++)
        for (unsigned int bit = 0; bit < 64; bit++) {
            struct trial t = trial_of(mode);

            t.in.flags = 1UL << bit;
            trial_code("\x90", 1);
            ask("iret/flags/%u/%s", bit, modes[mode]);
            trial_run(&t);
            tell_frame(&t);
            told();
        }
    /* SYSRET and each flag. */
    for (unsigned int mode = 0; mode < 2; mode++)
        for (unsigned int bit = 0; bit < 32; bit++) {
            struct trial t = trial_of(mode);

            t.in.flags = 0x100;
            t.in.rflags = 1UL << bit;
            trial_code("\x90\x90", 2);
            ask("iret/in-syscall/rflags/%u/%s", bit, modes[mode]);
            trial_run(&t);
            tell_frame(&t);
            told();
        }
    for (unsigned int bit = 0; bit < 64; bit++) {
        struct trial t = trial_of(IN_KERNEL);

        t.in.rflags = 1UL << bit;
        t.by_iretq = true;
        t.in.cs |= 3;
        trial_code("\x90\x90", 2);
        ask("iret/iretq/rflags/%u", bit);
        trial_run(&t);
        tell_frame(&t);
        told();
    }
}

void ask_iret(void)
{
    trial_begin();
    selectors();
    addresses();
    stacks();
    flags();
    trial_end();
}
