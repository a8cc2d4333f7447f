/*
 * SPDX-License-Identifier: MIT
 *
 * ask_emulate.c - instructions that only the hypervisor may carry out: each opcode with each
 * prefix, from either mode, with and without I/O privilege.
 */
#include "ask.h"
#include "record.h"
#include "stage.h"
#include "trial.h"

#include "hypercall.h"

#include <string.h>

#define PORT 0x21U /* the interrupt controller's: no domain's on any hypervisor */
#define PAT  0x277U

static const char *const modes[] = { "kernel", "user" };

/* RAX points at data, RDX names the port, RCX an MSR, RSI and RDI data. */
static struct trial usual(enum trial_mode mode)
{
    struct trial t = trial_of(mode);

    t.in.rax = TRIAL_DATA;
    t.in.rcx = PAT;
    t.in.rdx = PORT;
    t.in.rsi = TRIAL_DATA + 0x100;
    t.in.rdi = TRIAL_DATA + 0x200;
    return t;
}

static void run_told(struct trial *t)
{
    trial_run(t);
    tell_trap(t);
    tell("rfl=%lx", t->rip[2]);
    told();
}

static void iopl_set(uint32_t iopl)
{
    must(hypercall_physdev_op(PHYSDEVOP_set_iopl, &(struct physdev_set_iopl){ .iopl = iopl }),
         "iopl");
}

/* ---- opcodes and prefixes ---- */

static const struct {
    const char *name, *code;
    unsigned int length;
} opcodes[] = {
    { "clts", "\x0f\x06", 2 },
    { "invd", "\x0f\x08", 2 },
    { "wbinvd", "\x0f\x09", 2 },
    { "hlt", "\xf4", 1 },
    { "cli", "\xfa", 1 },
    { "sti", "\xfb", 1 },
    { "lgdt", "\x0f\x01\x10", 3 },
    { "lidt", "\x0f\x01\x18", 3 },
    { "lmsw", "\x0f\x01\xf0", 3 },
    { "lmsw-memory", "\x0f\x01\x30", 3 },
    { "invlpg", "\x0f\x01\x38", 3 },
    { "swapgs", "\x0f\x01\xf8", 3 },
    { "lldt", "\x0f\x00\xd0", 3 },
    { "ltr", "\x0f\x00\xd8", 3 },
    { "rdpmc", "\x0f\x33", 2 },
    { "rdmsr", "\x0f\x32", 2 },
    { "wrmsr", "\x0f\x30", 2 },
    { "monitor", "\x0f\x01\xc8", 3 },
    { "mwait", "\x0f\x01\xc9", 3 },
    { "clac", "\x0f\x01\xca", 3 },
    { "stac", "\x0f\x01\xcb", 3 },
    { "encls", "\x0f\x01\xcf", 3 },
    { "vmcall", "\x0f\x01\xc1", 3 },
    { "vmlaunch", "\x0f\x01\xc2", 3 },
    { "vmxoff", "\x0f\x01\xc4", 3 },
    { "vmrun", "\x0f\x01\xd8", 3 },
    { "vmmcall", "\x0f\x01\xd9", 3 },
    { "getsec", "\x0f\x37", 2 },
    { "rsm", "\x0f\xaa", 2 },
    { "sysexit", "\x0f\x35", 2 },
    { "sysret", "\x0f\x07", 2 },
    { "mov-tr", "\x0f\x24\xc0", 3 },
    { "vmread", "\x0f\x78\xc0", 3 },
    { "invept", "\x66\x0f\x38\x80\x00", 5 },
    { "invpcid", "\x66\x0f\x38\x82\x00", 5 },
    { "in-al-imm", "\xe4\x21", 2 },
    { "in-eax-imm", "\xe5\x20", 2 },
    { "out-al-imm", "\xe6\x21", 2 },
    { "out-eax-imm", "\xe7\x20", 2 },
    { "in-al", "\xec", 1 },
    { "in-eax", "\xed", 1 },
    { "out-al", "\xee", 1 },
    { "out-eax", "\xef", 1 },
    { "insb", "\x6c", 1 },
    { "insl", "\x6d", 1 },
    { "outsb", "\x6e", 1 },
    { "outsl", "\x6f", 1 },
    { "mov-from-cr2", "\x0f\x20\xd0", 3 },
    { "mov-from-cr8", "\x0f\x20\xc0", 3 },
    { "mov-from-dr7", "\x0f\x21\xf8", 3 },
    { "mov-to-dr0", "\x0f\x23\xc0", 3 },
};

static const struct {
    const char *name, *code;
    unsigned int length;
} prefixes[] = {
    { "plain", "", 0 },         { "66", "\x66", 1 },         { "67", "\x67", 1 },
    { "f2", "\xf2", 1 },        { "f3", "\xf3", 1 },         { "lock", "\xf0", 1 },
    { "cs", "\x2e", 1 },        { "fs", "\x64", 1 },         { "rex", "\x40", 1 },
    { "rex-w", "\x48", 1 },     { "rex-r", "\x44", 1 },      { "rex-b", "\x41", 1 },
    { "66-66", "\x66\x66", 2 }, { "rex-66", "\x48\x66", 2 }, { "f2-f3", "\xf2\xf3", 2 },
};

/* Privilege: 0 none, 1 the kernel, 3 everybody. */
static void every_opcode(void)
{
    for (unsigned int iopl = 0; iopl < 4; iopl++) {
        iopl_set(iopl);
        for (unsigned int i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++)
            for (unsigned int p = 0; p < sizeof(prefixes) / sizeof(prefixes[0]); p++)
                for (unsigned int mode = 0; mode < 2; mode++) {
                    uint8_t code[16];
                    struct trial t = usual(mode);

                    /* The rest of the privileges only where it matters. */
                    if (iopl && (p > 4 || iopl == 2) && iopl != 1)
                        continue;
                    memcpy(code, prefixes[p].code, prefixes[p].length);
                    memcpy(code + prefixes[p].length, opcodes[i].code, opcodes[i].length);
                    t.in.rcx = opcodes[i].code[0] >= 'l' && opcodes[i].code[0] <= 'o' ? 3 : PAT;
                    trial_code(code, prefixes[p].length + opcodes[i].length);
                    ask("emulate/iopl-%u/%s/%s/%s", iopl, opcodes[i].name, prefixes[p].name,
                        modes[mode]);
                    run_told(&t);
                    (void)hypercall_set_debugreg(0, 0);
                }
    }
    iopl_set(0);
}

/* ---- ports ---- */

/* Items of a string across the end of a page, of a canonical half, of the address space. */
static void strings(void)
{
    static const struct {
        const char *name;
        uint64_t end;
    } ends[] = { { "absent", TRIAL_ABSENT },    { "readonly", TRIAL_READONLY },
                 { "l1-page", TRIAL_L1 },       { "canonical", 0x0000800000000000 },
                 { "hypervisor", HV_VA_START }, { "all", 0 } };
    static const char *const codes[] = { "\x6d", "\x6f", "\xf3\x6d", "\xf3\x6f" };
    static const char *const names[] = { "insl", "outsl", "rep-insl", "rep-outsl" };

    iopl_set(1);
    for (unsigned int e = 0; e < sizeof(ends) / sizeof(ends[0]); e++)
        for (unsigned int i = 0; i < 4; i++)
            for (uint64_t before = 0; before <= 9; before++) {
                struct trial t = usual(IN_KERNEL);
                uint8_t *last = (uint8_t *)trial_page(TRIAL_DATA) + PAGE_SIZE - 12;

                memset(last, 0, 12);
                t.in.rcx = 3;
                t.in.rdx = PORT - 1;
                t.in.rsi = t.in.rdi = ends[e].end - before;
                trial_code(codes[i], i < 2 ? 1 : 2);
                ask("emulate/string/%s/%s/%lu", names[i], ends[e].name, before);
                trial_run(&t);
                tell_trap(&t);
                if (ends[e].end == TRIAL_READONLY)
                    for (unsigned int at = 0; at < 12; at++)
                        tell("%x", last[at]);
                told();
            }
    iopl_set(0);
}

#define PCI_ADDRESS 0xcf8U
#define CLOCK_INDEX 0x70U

static uint64_t port_access(const char *code, unsigned int length, uint32_t port, uint64_t value)
{
    struct trial t = usual(IN_KERNEL);

    t.in.rax = value;
    t.in.rdx = port;
    trial_code(code, length);
    trial_run(&t);
    return t.at.rax;
}

/* What is written to one port, and then found in the register that keeps it. */
static void latches(void)
{
    static const uint32_t ports[] = { 0x20, 0xa0, PORT - 2, 0x80 };

    iopl_set(1);
    for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        (void)port_access("\xef", 1, PCI_ADDRESS, 0x80000010);
        (void)port_access("\xef", 1, ports[i], 0x80001234);
        ask("emulate/latch/pci/%x", ports[i]);
        tell("eax=%lx", port_access("\xed", 1, PCI_ADDRESS, ~0UL));
        told();
    }
    /* Written to whole or not at all; and a write to the port below is none to the clock's index. */
    (void)port_access("\xee", 1, PCI_ADDRESS, 0x34);
    ask("emulate/latch/pci/byte");
    tell("eax=%lx", port_access("\xed", 1, PCI_ADDRESS, ~0UL));
    told();
    (void)port_access("\xee", 1, CLOCK_INDEX, 0x0a);
    (void)port_access("\xee", 1, CLOCK_INDEX - 1, 0x55);
    ask("emulate/latch/clock/%x", CLOCK_INDEX - 1);
    tell("eax=%lx", port_access("\xec", 1, CLOCK_INDEX, ~0UL));
    told();
    (void)port_access("\xef", 1, PCI_ADDRESS, 0);
    iopl_set(0);
}

/* ---- control and debug registers ---- */

static void control_registers(void)
{
    static const uint64_t values[] = { 0,          1,    8,     0x80000001, 0x80050033,
                                       0x8005003b, 0x20, 0x668, 0x6f0,      0x1234567812345678,
                                       ~0UL };

    for (unsigned int cr = 0; cr < 16; cr++)
        for (unsigned int mode = 0; mode < 2; mode++) {
            uint8_t read[] = { (uint8_t)(cr < 8 ? 0x40 : 0x44), 0x0f, 0x20,
                               (uint8_t)(0xc0 | (cr & 7) << 3) };
            struct trial t = usual(mode);

            trial_code(read, sizeof(read));
            ask("emulate/cr/%u/read/%s", cr, modes[mode]);
            if (cr == 3) {
                trial_run(&t);
                tell("vec=%u cr3=%s+%lx", t.vector, record_frame(ma_to_mfn(t.at.rax)),
                     t.at.rax & ~PAGE_MASK);
                told();
            } else {
                run_told(&t);
            }
            for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                uint8_t write[] = { read[0], 0x0f, 0x22, read[3], read[0], 0x0f, 0x20, read[3] };

                t = usual(mode);
                t.in.rax = values[i];
                trial_code(write, cr == 3 ? 4 : 8);
                ask("emulate/cr/%u/write/%lx/%s", cr, values[i], modes[mode]);
                run_told(&t);
                (void)hypercall_fpu_taskswitch(0);
            }
        }
    trial_code("\x0f\x22\xe0", 3);
    struct trial t = usual(IN_KERNEL);
    t.in.rax = 0;
    trial_run(&t); /* CR4 as at the start */
}

static void debug_registers(void)
{
    static const uint64_t values[] = { 0,
                                       1,
                                       0x55,
                                       0x400,
                                       0x2400,
                                       0x700,
                                       0x0fff,
                                       0xf0000,
                                       0x30000,
                                       0x20001,
                                       0x20000,
                                       0xffff0ff0,
                                       0x100000000,
                                       0x0000800000000000,
                                       HV_VA_START,
                                       HV_VA_END,
                                       0xffffffff80000000,
                                       ~0UL };

    for (unsigned int dr = 0; dr < 9; dr++)
        for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            uint8_t write[] = { 0x40, 0x0f, 0x23, (uint8_t)(0xc0 | (dr & 7) << 3),
                                0x40, 0x0f, 0x21, (uint8_t)(0xc3 | (dr & 7) << 3) };

            if (dr < 8)
                for (unsigned int mode = 0; mode < 2; mode++) {
                    struct trial t = usual(mode);

                    t.in.rax = values[i];
                    trial_code(write, sizeof(write));
                    ask("emulate/dr/%u/%lx/%s", dr, values[i], modes[mode]);
                    run_told(&t);
                    (void)hypercall_set_debugreg(7, 0);
                    (void)hypercall_set_debugreg(dr, 0);
                }
            ask("emulate/set_debugreg/%u/%lx", dr, values[i]);
            tell_rc(hypercall_set_debugreg(dr, values[i]));
            tell("now=%lx", (unsigned long)hypercall_get_debugreg(dr));
            told();
            (void)hypercall_set_debugreg(7, 0);
            (void)hypercall_set_debugreg(dr, 0);
        }
    (void)hypercall_set_debugreg(6, 0xffff0ff0);
}

/* Breakpoints: of instructions, of data; and single steps across what is emulated. */
static void breakpoints(void)
{
    static const uint64_t dr7[] = { 0x1,     0x2,     0x3,     0x10001, 0x30001,
                                    0xf0001, 0xd0001, 0x50001, 0x700,   0x402 };

    for (unsigned int i = 0; i < sizeof(dr7) / sizeof(dr7[0]); i++)
        for (unsigned int mode = 0; mode < 2; mode++)
            for (unsigned int data = 0; data < 2; data++) {
                struct trial t = usual(mode);

                (void)hypercall_set_debugreg(6, 0xffff0ff0);
                (void)hypercall_set_debugreg(0, data ? TRIAL_DATA : TRIAL_CODE + 1);
                ask("emulate/breakpoint/%lx/%s/%s", dr7[i], modes[mode], data ? "data" : "code");
                tell_rc(hypercall_set_debugreg(7, dr7[i]));
                trial_code("\x90\x90\x89\x00\x8b\x00\x90", 7); /* a store, a load */
                trial_run(&t);
                tell_trap(&t);
                tell("dr6=%lx", (unsigned long)hypercall_get_debugreg(6));
                told();
                (void)hypercall_set_debugreg(7, 0);
            }
    (void)hypercall_set_debugreg(0, 0);
    for (unsigned int i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++) {
        struct trial t = usual(IN_KERNEL);

        (void)hypercall_set_debugreg(6, 0xffff0ff0);
        iopl_set(1);
        t.in.rflags |= 0x100;
        trial_code(opcodes[i].code, opcodes[i].length);
        ask("emulate/step/%s", opcodes[i].name);
        trial_run(&t);
        tell_trap(&t);
        tell("dr6=%lx", (unsigned long)hypercall_get_debugreg(6));
        told();
        (void)hypercall_set_debugreg(0, 0);
    }
    iopl_set(0);
}

void ask_emulate(void)
{
    trial_begin();
    record_name(p2m(aspace_active->l4), "trial-root");
    every_opcode();
    strings();
    latches();
    control_registers();
    debug_registers();
    breakpoints();
    record_unname(p2m(aspace_active->l4));
    trial_end();
}
