/*
 * SPDX-License-Identifier: MIT
 *
 * privileged - one instruction that an application may not execute: privileged NAME.
 * Status 0 when it was carried out; 1 when there is no such name; else the process is killed and its
 * record tells.
 */
#include <stdint.h>
#include <string.h>

static uint64_t descriptor[2];

static void in_pic(void)
{
    uint8_t value;

    __asm__ volatile("inb $0x21, %0" : "=a"(value));
}

static void out_pic(void)
{
    __asm__ volatile("outb %0, $0x21" : : "a"((uint8_t)0xff));
}

/* The forced-emulation prefix is no privileged instruction. */
static void forced_cpuid(void)
{
    uint32_t a = 0x40000000, b, c, d;

    __asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid"
                     : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    if (b != 0x566e6558)
        __asm__ volatile("ud2");
}

#define PLAIN(name, text)                                                                       \
    static void name(void)                                                                      \
    {                                                                                           \
        __asm__ volatile(text : : "a"(0), "c"(0xc0000080), "d"(0), "S"(descriptor) : "memory"); \
    }

PLAIN(hlt, "hlt")
PLAIN(cli, "cli")
PLAIN(sti, "sti")
PLAIN(clts, "clts")
PLAIN(wbinvd, "wbinvd")
PLAIN(rdmsr, "rdmsr")
PLAIN(wrmsr, "wrmsr")
PLAIN(read_cr0, "mov %%cr0, %%rax")
PLAIN(write_cr3, "mov %%rax, %%cr3")
PLAIN(read_dr7, "mov %%dr7, %%rax")
PLAIN(write_dr7, "mov %%rax, %%dr7")
PLAIN(lgdt, "lgdt (%%rsi)")
PLAIN(invlpg, "invlpg (%%rsi)")
PLAIN(swapgs, "swapgs")
PLAIN(sysret, "sysretq")
PLAIN(int_0, "int $0")
PLAIN(int_3, "int $3")
PLAIN(int_80, "int $0x80")

static const struct {
    const char *name;
    void (*run)(void);
} instructions[] = {
    { "in", in_pic },
    { "out", out_pic },
    { "hlt", hlt },
    { "cli", cli },
    { "sti", sti },
    { "clts", clts },
    { "wbinvd", wbinvd },
    { "rdmsr", rdmsr },
    { "wrmsr", wrmsr },
    { "read-cr0", read_cr0 },
    { "write-cr3", write_cr3 },
    { "read-dr7", read_dr7 },
    { "write-dr7", write_dr7 },
    { "lgdt", lgdt },
    { "invlpg", invlpg },
    { "swapgs", swapgs },
    { "sysret", sysret },
    { "int-0", int_0 },
    { "int-3", int_3 },
    { "int-80", int_80 },
    { "forced-cpuid", forced_cpuid },
};

int main(int argc, char **argv)
{
    for (unsigned int i = 0; argc == 2 && i < sizeof(instructions) / sizeof(instructions[0]); i++) {
        if (!strcmp(argv[1], instructions[i].name)) {
            instructions[i].run();
            return 0;
        }
    }
    return 1;
}
