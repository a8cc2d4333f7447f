/*
 * SPDX-License-Identifier: MIT
 *
 * ask_segments.c - code in segments of the guest's own: 16, 32 and 64 bits, with a base, with a
 * limit; and what is emulated, reflected or called from there. Call gates.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"
#include "trial.h"

#include "hypercall.h"

#define SEGMENT_INDEX 30U

static const char *const modes[] = { "kernel", "user" };

static uint64_t segment(uint32_t base, uint32_t limit, unsigned int access, unsigned int flags)
{
    return (limit & 0xffffUL) | (base & 0xffffffUL) << 16 | (uint64_t)access << 40 |
           (uint64_t)(limit >> 16 & 0xf) << 48 | (uint64_t)flags << 52 |
           (uint64_t)(base >> 24) << 56;
}

static const struct {
    const char *name;
    uint32_t base, limit;
    unsigned int access, flags;
} segments[] = {
    { "code64", 0, 0xfffff, 0xfb, 0xa },
    { "code64-execute-only", 0, 0xfffff, 0xf9, 0xa },
    { "code64-conforming", 0, 0xfffff, 0xff, 0xa },
    { "code64-base", 0x1000, 0xfffff, 0xfb, 0xa },
    { "code64-limit-0", 0, 0, 0xfb, 0x2 },
    { "code64-absent", 0, 0xfffff, 0x7b, 0xa },
    { "code-l-and-d", 0, 0xfffff, 0xfb, 0xe },
    { "code32", 0, 0xfffff, 0xfb, 0xc },
    { "code32-execute-only", 0, 0xfffff, 0xf9, 0xc },
    { "code32-conforming", 0, 0xfffff, 0xff, 0xc },
    { "code32-base", 0x0ffff000, 0xfffff, 0xfb, 0xc },
    { "code32-limit", 0, 0x10000, 0xfb, 0xc },
    { "code32-limit-exact", 0x10000000, 0x10, 0xfb, 0x4 },
    { "code16", 0x10000000, 0xffff, 0xfb, 0x0 },
    { "code16-big", 0x10000000, 0xfffff, 0xfb, 0x8 },
    { "data", 0, 0xfffff, 0xf3, 0xc },
    { "nothing", 0, 0, 0, 0 },
};

static const struct {
    const char *name, *code;
    unsigned int length;
} codes[] = {
    { "nop", "\x90", 1 },
    { "undefined", "\x0f\x0b", 2 },
    { "breakpoint", "\xcc", 1 },
    { "hlt", "\xf4", 1 },
    { "cli", "\xfa", 1 },
    { "in", "\xec", 1 },
    { "out-16", "\x66\xef", 2 },
    { "insb", "\x6c", 1 },
    { "rep-outsb", "\xf3\x6e", 2 },
    { "insb-67", "\x67\x6c", 2 },
    { "clts", "\x0f\x06", 2 },
    { "wbinvd", "\x0f\x09", 2 },
    { "rdmsr", "\x0f\x32", 2 },
    { "mov-cr0", "\x0f\x20\xc0", 3 },
    { "mov-dr7", "\x0f\x21\xf8", 3 },
    { "cpuid", "\x0f\x0b\x78\x65\x6e\x0f\xa2", 7 },
    { "int-129", "\xcd\x80", 2 },
    { "syscall", "\x0f\x05", 2 },
    { "into", "\xce", 1 },
    { "bound", "\x62\x03", 2 },
    { "aam-0", "\xd4\x00", 2 },
    { "push-es", "\x06", 1 },
    { "read-absent", "\xa1\x00\x30\x00\x10", 5 },
    { "far-jump", "\xea\x00\x00\x00\x10\x33\xe0", 7 },
};

static void every_segment(void)
{
    for (unsigned int s = 0; s < sizeof(segments) / sizeof(segments[0]); s++) {
        must(hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], SEGMENT_INDEX),
                                         segment(segments[s].base, segments[s].limit,
                                                 segments[s].access, segments[s].flags)),
             "segment");
        for (unsigned int i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
            for (unsigned int mode = 0; mode < 2; mode++) {
                struct trial t = trial_of(mode);

                t.in.cs = SEGMENT_INDEX * 8 + (mode == IN_USER ? 3 : 0);
                t.in.rip = TRIAL_CODE - (segments[s].flags & 2 ? 0 : segments[s].base);
                t.in.rax = TRIAL_DATA;
                t.in.rbx = TRIAL_DATA;
                t.in.rcx = codes[i].code[0] == '\x0f' && codes[i].code[1] == '\x32' ? 0x277 : 2;
                t.in.rdx = 0x21;
                t.in.rsi = t.in.rdi = TRIAL_DATA + 0x100;
                trial_code(codes[i].code, codes[i].length);
                ask("segment/%s/%s/%s", segments[s].name, codes[i].name, modes[mode]);
                trial_run(&t);
                tell_frame(&t);
                told();
            }
    }
    must(hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], SEGMENT_INDEX), 0), "segment");
}

/* A far call through a gate of 64 bits: two entries. */
static void gates(void)
{
    static const struct {
        const char *name;
        unsigned int access;
        uint16_t selector;
        uint32_t upper;
    } gate[] = { { "to-flat", 0xec, 0xe033, 0 },
                 { "to-flat-dpl-0", 0x8c, 0xe033, 0 },
                 { "to-own", 0xec, 31 * 8, 0 },
                 { "to-nothing", 0xec, 32 * 8, 0 },
                 { "to-null", 0xec, 0, 0 },
                 { "to-ldt", 0xec, 31 * 8 + 4, 0 },
                 { "not-canonical", 0xec, 0xe033, 0x800000 },
                 { "absent", 0x6c, 0xe033, 0 } };

    must(hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], 31), segment(0, 0xfffff, 0xfb, 0xa)),
         "code");
    for (unsigned int i = 0; i < sizeof(gate) / sizeof(gate[0]); i++)
        for (unsigned int mode = 0; mode < 2; mode++)
            for (unsigned int iopl = 0; iopl < 2; iopl++) {
                uint32_t *data = trial_page(TRIAL_DATA);
                struct trial t = trial_of(mode);
                uint64_t low = ((TRIAL_CODE + 0x40) & 0xffff) | (uint64_t)gate[i].selector << 16 |
                               (uint64_t)gate[i].access << 40 |
                               ((TRIAL_CODE + 0x40) >> 16 & 0xffff) << 48;

                ask("segment/gate/%s/%s/%s", gate[i].name, modes[mode], iopl ? "jump" : "call");
                tell_rc(hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], SEGMENT_INDEX), low));
                tell_rc(hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], SEGMENT_INDEX + 1),
                                                    gate[i].upper));
                data[0] = 0;
                data[1] = SEGMENT_INDEX * 8 + 3;
                t.in.rax = TRIAL_DATA;
                trial_code(iopl ? "\xff\x28" : "\xff\x18", 2);
                trial_run(&t);
                tell_frame(&t);
                told();
                (void)hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], SEGMENT_INDEX), 0);
                must(hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], 31),
                                                 segment(0, 0xfffff, 0xfb, 0xa)),
                     "code");
            }
    must(hypercall_update_descriptor(slot_ma(&kinds[KIND_SEG], 31), 0), "code");
}

void ask_segments(void)
{
    trial_begin();
    every_segment();
    must(hypercall_physdev_op(PHYSDEVOP_set_iopl, &(struct physdev_set_iopl){ .iopl = 0 }), "iopl");
    gates();
    trial_end();
}
