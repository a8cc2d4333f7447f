/*
 * SPDX-License-Identifier: MIT
 *
 * ask_nested.c - what comes while something else is going on: hypercalls and their registers, single
 * steps over them, NMIs, the FPU that is switched off, events beside exceptions.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"
#include "trial.h"

#include "guest.h"
#include "hypercall.h"

static const char *const modes[] = { "kernel", "user" };

static struct trial hypercall_of(uint64_t op, uint64_t a1, uint64_t a2, uint64_t a3)
{
    struct trial t = trial_of(IN_KERNEL);

    t.in.rax = op;
    t.in.rdi = a1;
    t.in.rsi = a2;
    t.in.rdx = a3;
    return t;
}

/* Which registers are as they were: those of the arguments may be gone. */
static void hypercall_told(struct trial *t)
{
    trial_run(t);
    tell("vec=%u", t->vector);
    tell_va("rip", *t->rip);
    tell_rc((long)t->at.rax);
    tell_va("rcx", t->frame[0]);
    tell("r11=%lx", t->frame[1]);
    tell("kept=%u", t->at.rbx == t->in.rbx && t->at.rbp == t->in.rbp && t->at.r12 == t->in.r12 &&
                        t->at.r13 == t->in.r13 && t->at.r14 == t->in.r14 &&
                        t->at.r15 == t->in.r15 && t->at.r9 == t->in.r9);
    tell("rfl=%lx mask=%u", t->rip[2], t->mask);
    told();
}

static void hypercalls(void)
{
    static const uint64_t ops[] = { 17, 99, 29, 21, 30, 1000, 0xffffffff, 1UL << 32 };

    for (unsigned int i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        for (unsigned int step = 0; step < 2; step++) {
            struct trial t = hypercall_of(ops[i], i == 2 ? 99 : 0, 0, 0);

            t.in.rflags |= step ? 0x100 : 0;
            trial_code("\x0f\x05\x90\x90", 4);
            ask("nested/hypercall/%lx/%s", ops[i], step ? "step" : "plain");
            hypercall_told(&t);
        }
    for (unsigned int bit = 0; bit < 22; bit++) {
        struct trial t = hypercall_of(17, 0, 0, 0);

        t.in.rflags |= 1UL << bit;
        trial_code("\x0f\x05\x90\x90", 4);
        ask("nested/hypercall/rflags/%u", bit);
        hypercall_told(&t);
    }
    /* From segments that are not flat, and by the other ways in. */
    static const struct {
        const char *name, *code;
        uint64_t cs;
    } ways[] = { { "cs-e023", "\x0f\x05", 0xe020 },
                 { "int-82", "\xcd\x82", 0xe030 },
                 { "sysenter-like", "\x0f\x05", 0xe030 } };

    for (unsigned int i = 0; i < 3; i++) {
        struct trial t = hypercall_of(17, 0, 0, 0);

        t.in.cs = ways[i].cs;
        trial_code(ways[i].code, 2);
        ask("nested/hypercall/%s", ways[i].name);
        trial_run(&t);
        tell("vec=%u", t.vector);
        tell_va("rip", *t.rip);
        tell("rax=%lx cs=%lx", t.at.rax, t.rip[1]);
        told();
    }
}

/* ---- NMIs ---- */

static void nmis(void)
{
    for (unsigned int flags = 0; flags < 8; flags += 4)
        for (unsigned int masked = 0; masked < 2; masked++) {
            struct trial t = hypercall_of(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0);

            trial_vectors(flags);
            t.in.rflags = masked ? 2 : 0x202;
            trial_code("\x0f\x05\x90", 3);
            ask("nested/nmi/flags-%u/%s", flags, masked ? "masked" : "open");
            trial_run(&t);
            tell("vec=%u", t.vector);
            tell_va("rip", *t.rip);
            tell_rc((long)t.at.rax);
            tell("cs=%lx rfl=%lx mask=%u", t.rip[1], t.rip[2], t.mask);
            told();
            /* Within an NMI's handler another one waits for the iret hypercall. */
            t = hypercall_of(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, 0);
            t.by_iretq = true;
            t.in.cs |= 3;
            t.in.rflags = masked ? 2 : 0x202;
            ask("nested/nmi/flags-%u/%s/second", flags, masked ? "masked" : "open");
            trial_run(&t);
            tell("vec=%u", t.vector);
            tell_va("rip", *t.rip);
            told();
            t = trial_of(IN_USER);
            trial_code("\x90", 1);
            ask("nested/nmi/flags-%u/%s/then", flags, masked ? "masked" : "open");
            trial_run(&t);
            tell_frame(&t);
            told();
            t = trial_of(IN_USER);
            ask("nested/nmi/flags-%u/%s/after", flags, masked ? "masked" : "open");
            trial_run(&t);
            tell_frame(&t);
            told();
        }
    trial_vectors(0);
}

/* ---- the FPU ---- */

static void fpu(void)
{
    static const struct {
        const char *name, *code;
        unsigned int length;
    } codes[] = { { "movaps", "\x0f\x28\xc1", 3 },
                  { "fninit", "\xdb\xe3", 2 },
                  { "fwait", "\x9b", 1 },
                  { "fnstsw", "\xdf\xe0", 2 },
                  { "emms", "\x0f\x77", 2 },
                  { "clts-movaps", "\x0f\x06\x0f\x28\xc1", 5 },
                  { "ldmxcsr-absent", "\x0f\xae\x14\x25\x00\x30\x00\x10", 8 },
                  { "mov-cr0", "\x0f\x20\xc0", 3 } };

    for (unsigned int i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        for (unsigned int mode = 0; mode < 2; mode++) {
            struct trial t = trial_of(mode);
            long set;

            trial_code(codes[i].code, codes[i].length);
            ask("nested/fpu/%s/%s", codes[i].name, modes[mode]);
            set = hypercall_fpu_taskswitch(1); /* no FPU from here on */
            trial_run(&t);
            tell_rc(set);
            tell_frame(&t);
            told();
        }
    /* Twice in one trial: the handler's side has it on. */
    struct trial t = hypercall_of(__HYPERVISOR_fpu_taskswitch, 1, 0, 0);

    trial_code("\x0f\x05\x0f\x20\xc3\x0f\x28\xc1", 8);
    ask("nested/fpu/by-hypercall");
    trial_run(&t);
    tell("vec=%u rbx=%lx", t.vector, t.at.rbx);
    tell_va("rip", *t.rip);
    told();
}

/* ---- events beside exceptions ---- */

static void events(void)
{
    vcpu_info_t *info = guest_vcpu_info();
    static const struct {
        const char *name, *code;
        unsigned int length;
    } codes[] = { { "ud2", "\x0f\x0b", 2 },
                  { "absent", "\x8b\x04\x25\x00\x30\x00\x10", 7 },
                  { "hypercall", "\x0f\x05", 2 },
                  { "nop", "\x90", 1 } };

    for (unsigned int i = 0; i < 4; i++)
        for (unsigned int mode = 0; mode < 2; mode++)
            for (unsigned int flags = 0; flags < 8; flags += 4) {
                struct trial t = trial_of(mode);

                /* Pending but masked while it starts: the store of the mask is the code's own. */
                trial_vectors(flags);
                t.in.rax = i == 2 ? 17 : 0x5555;
                t.in.rdi = 0;
                t.in.rflags = 2;
                trial_code(codes[i].code, codes[i].length);
                info->evtchn_upcall_pending = 1;
                ask("nested/event/%s/%s/flags-%u", codes[i].name, modes[mode], flags);
                if (i == 2 && mode == IN_KERNEL) { /* whose registers are not all kept */
                    hypercall_told(&t);
                } else {
                    trial_run(&t);
                    tell_frame(&t);
                    told();
                }
                info->evtchn_upcall_pending = 0;
            }
    trial_vectors(0);
}

void ask_nested(void)
{
    trial_begin();
    hypercalls();
    nmis();
    fpu();
    events();
    trial_end();
}
