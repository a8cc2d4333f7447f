/*
 * SPDX-License-Identifier: MIT
 *
 * ask_msr.c - model-specific registers, and CPUID by the forced-emulation prefix.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"
#include "trial.h"

static const struct {
    uint32_t first, last;
} ranges[] = { { 0x0, 0x4ff },
               { 0x600, 0x6ff },
               { 0x770, 0x80f },
               { 0xc80, 0xdaf },
               { 0x40000000, 0x4000010f },
               { 0x4000ffff, 0x40010000 },
               { 0xc0000080, 0xc0000110 },
               { 0xc0010000, 0xc001021f },
               { 0xc0011000, 0xc0011040 } };

/* Time goes on, and bases are addresses of the suite's own. */
static bool changes(uint32_t msr)
{
    return msr == 0x10 || msr == 0xe7 || msr == 0xe8;
}

static struct trial msr_run(uint32_t msr, const char *code, uint64_t value, enum trial_mode mode)
{
    struct trial t = trial_of(mode);

    t.in.rcx = msr;
    t.in.rax = (uint32_t)value;
    t.in.rdx = value >> 32;
    trial_code(code, 2);
    trial_run(&t);
    return t;
}

static void all(void)
{
    for (unsigned int r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++)
        for (uint64_t msr = ranges[r].first; msr <= ranges[r].last; msr++) {
            struct trial read = msr_run((uint32_t)msr, "\x0f\x32", 0, IN_KERNEL);
            uint64_t value = read.at.rdx << 32 | (uint32_t)read.at.rax;

            ask("msr/%lx", msr);
            tell("vec=%u", read.vector);
            if (read.vector == 3 && !changes((uint32_t)msr))
                tell("is=%lx", value);
            /* The same value back, none, all ones. */
            for (unsigned int i = 0; i < 3 && !changes((uint32_t)msr); i++) {
                uint64_t new = i == 0 ? (read.vector == 3 ? value : 0x123) : i == 1 ? 0 : ~0UL;
                struct trial write = msr_run((uint32_t)msr, "\x0f\x30", new, IN_KERNEL);

                tell("w=%u", write.vector);
                if (write.vector == 3 && read.vector == 3) {
                    write = msr_run((uint32_t)msr, "\x0f\x32", 0, IN_KERNEL);
                    tell("is=%lx", write.at.rdx << 32 | (uint32_t)write.at.rax);
                }
            }
            if (read.vector == 3)
                (void)msr_run((uint32_t)msr, "\x0f\x30", value, IN_KERNEL);
            read = msr_run((uint32_t)msr, "\x0f\x32", 0, IN_USER);
            tell("user=%u", read.vector);
            told();
        }
}

static void bases(void)
{
    static const uint64_t values[] = {
        0, 0x1000, 0x00007fffffffffff, 0x0000800000000000, HV_VA_START, HV_VA_END, ~0UL
    };
    static const uint32_t msrs[] = { 0xc0000100, 0xc0000101, 0xc0000102 };

    for (unsigned int m = 0; m < 3; m++)
        for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            struct trial t;

            ask("msr/base/%x/%lx", msrs[m], values[i]);
            t = msr_run(msrs[m], "\x0f\x30", values[i], IN_KERNEL);
            tell("vec=%u", t.vector);
            for (unsigned int n = 0; n < 3; n++) {
                t = msr_run(msrs[n], "\x0f\x32", 0, IN_KERNEL);
                tell("%x=%lx", msrs[n], t.at.rdx << 32 | (uint32_t)t.at.rax);
            }
            told();
            (void)msr_run(msrs[m], "\x0f\x30", 0, IN_KERNEL);
        }
}

/* ---- CPUID ---- */

static void cpuid_leaf(uint32_t leaf, uint32_t sub)
{
    struct trial t = trial_of(IN_KERNEL);

    t.in.rax = leaf;
    t.in.rcx = sub;
    trial_code("\x0f\x0b\x78\x65\x6e\x0f\xa2", 7);
    trial_run(&t);
    ask("cpuid/%x/%x", leaf, sub);
    if (leaf == 0x40000003)
        tell("vec=%u", t.vector); /* frequencies: measured */
    else
        tell("vec=%u a=%lx b=%lx c=%lx d=%lx", t.vector, t.at.rax, t.at.rbx, t.frame[0], t.at.rdx);
    told();
}

static void cpuid(void)
{
    static const char *const odd[] = { "\x0f\x0b\x78\x65\x6e\x0f\xa2",
                                       "\x0f\x0b\x78\x65\x6f\x0f\xa2",
                                       "\x0f\x0b\x78\x65\x6e\x0f\x31",
                                       "\x0f\x0b\x78\x65\x6e\x90\x90",
                                       "\x66\x0f\x0b\x78\x65\x6e\x0f\xa2",
                                       "\x0f\x0b\x78\x65\x6e\x66\x0f\xa2",
                                       "\x0f\x0b\x78\x65\x6e\x0f\x0b\x78\x65\x6e\x0f\xa2" };
    static const unsigned int lengths[] = { 7, 7, 7, 7, 8, 8, 12 };

    for (uint32_t leaf = 0; leaf < 0x22; leaf++)
        for (uint32_t sub = 0; sub < 5; sub++)
            cpuid_leaf(leaf, sub);
    for (uint32_t leaf = 0x40000000; leaf < 0x40000007; leaf++)
        for (uint32_t sub = 0; sub < 4; sub++)
            cpuid_leaf(leaf, sub);
    for (uint32_t leaf = 0x80000000; leaf < 0x80000022; leaf++)
        cpuid_leaf(leaf, 0);
    cpuid_leaf(0x40000100, 0);
    cpuid_leaf(0x7fffffff, 0);
    cpuid_leaf(0xffffffff, 0);
    for (unsigned int mode = 0; mode < 2; mode++)
        for (unsigned int i = 0; i < 7; i++) {
            struct trial t = trial_of(mode);

            t.in.rax = 0x40000000;
            trial_code(odd[i], lengths[i]);
            ask("cpuid/form/%u/%s", i, mode ? "user" : "kernel");
            trial_run(&t);
            tell_trap(&t);
            told();
        }
}

void ask_msr(void)
{
    trial_begin();
    all();
    bases();
    cpuid();
    trial_end();
}
