/*
 * SPDX-License-Identifier: MIT
 *
 * emulate-fuzz: random privileged instructions.
 *
 * Background: the emulator's decoder and its handlers take bytes and registers from the guest. The
 * named scenarios try what is meaningful; this one tries what is not.
 *
 * Steps: instructions of the emulated kinds with random prefixes, operands and registers run one by one
 * on an executable page, with and without I/O privilege. Left out is only what would hurt the guest
 * itself where it is legal: stacks as operands, ports of real devices, the hypercall-page MSR.
 *
 * Expected: each is carried out or raises #DB, #UD, #GP or #PF, and hypervisor and guest live on.
 */
#include "io_rights.h"

#include <string.h>

#include "mm/p2m.h"

#define ROUNDS       20000
#define TRAP_NM      7
#define INSN_ROOM    15
#define BUFFER_PAGES 2

static uint64_t state = 0x9e3779b97f4a7c15UL;

static uint64_t random64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static unsigned int below(unsigned int n)
{
    return (unsigned int)(random64() >> 33) % n;
}

#define PICK(list) ((list)[below(sizeof(list) / sizeof((list)[0]))])

struct shot {
    uint8_t *code;
    uint64_t a, b, c, d, si, di;
};

static void shoot(void *arg)
{
    struct shot *s = arg;

    __asm__ volatile("call *%[code]; cld"
                     : "+a"(s->a), "+b"(s->b), "+c"(s->c), "+d"(s->d), "+S"(s->si), "+D"(s->di)
                     : [code] "r"(s->code)
                     : "memory", "cc", "r8", "r9", "r10", "r11");
}

/* Values for registers: no address of anything that is mapped, but for the buffer in RSI and RDI. */
static uint64_t value(void)
{
    static const uint64_t values[] = { 0,
                                       1,
                                       0x20,
                                       0x21,
                                       0x400,
                                       0x80000000,
                                       0xffffffff,
                                       ~0UL,
                                       0x00007ffffffff000,
                                       0x0000800000000000,
                                       0xffff7fffffffffff,
                                       0xffff800000000000,
                                       0xffff87ffffffffff,
                                       0xffff8affffff0000 };

    return below(3) ? PICK(values) : random64() >> below(64);
}

/* One instruction at code, the rest of it filled with returns. */
static void make_insn(uint8_t *code)
{
    static const uint8_t prefixes[] = {
        0x66, 0x67, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65
    };
    static const uint8_t plain[] = { 0x6c, 0x6d, 0x6e, 0x6f, 0xec, 0xed, 0xee, 0xef, 0xfa, 0xfb };
    static const uint8_t by_port[] = { 0xe4, 0xe5, 0xe6, 0xe7 };
    static const uint8_t ports[] = { 0x20, 0x21, 0x40, 0x41, 0x42, 0x43, 0x61, 0xa0, 0xa1 };
    static const uint8_t by_modrm[] = { 0x20, 0x21, 0x22, 0x23 };
    static const uint8_t extended[] = { 0x06, 0x09, 0x30, 0x31, 0x32, 0xa2 };
    static const uint8_t rm[] = { 0, 1, 2, 3, 6, 7 }; /* not RSP, RBP */
    unsigned int at = 0;

    memset(code, 0xc3, INSN_ROOM + 16);
    while (below(2) && at < 6)
        code[at++] = PICK(prefixes);
    if (!below(16))
        code[at++] = 0xf0;
    if (below(2))
        code[at++] = (uint8_t)(0x40 | (below(16) & 0xe)); /* no REX.B: R12 and RSP are near */
    switch (below(5)) {
    case 0:
        code[at++] = PICK(plain);
        break;
    case 1:
        code[at++] = PICK(by_port);
        code[at++] = PICK(ports);
        break;
    case 2:
        code[at++] = 0x0f;
        code[at++] = PICK(by_modrm);
        code[at++] = (uint8_t)(below(4) << 6 | below(8) << 3 | PICK(rm));
        break;
    case 3:
        code[at++] = 0x0f;
        code[at++] = PICK(extended);
        break;
    default:
        code[at++] = 0xcd;
        code[at++] = (uint8_t)below(256);
        break;
    }
}

static void make_registers(struct shot *s, const struct region *buffer)
{
    static const uint64_t msrs[] = { 0x10,       0x1b,  0xc0000080, 0xc0000081, 0xc0000100,
                                     0xc0000102, 0x277, 0x1a0,      0x179,      0x40000001,
                                     0xc0010015, 0x345, 0x8b,       0xffffffff };
    static const uint64_t ports[] = { 0x20, 0x21, 0x40, 0x42, 0x43, 0x61, 0xa0, 0xa1 };
    uint8_t *code = s->code;

    *s = (struct shot){ .code = code, .a = value(), .b = value(), .d = value() };
    s->c = below(2) ? PICK(msrs) : below(4 * PAGE_SIZE);
    if (below(2))
        s->d = PICK(ports);
    else if (s->d <= 0xffff) /* as a port it could be a device's */
        s->d = 0x21;
    if ((s->d & 0xffff) > 0xa1)
        s->d = (s->d & ~0xffffUL) | 0x21;
    s->si = buffer->start + below(BUFFER_PAGES * PAGE_SIZE);
    s->di = buffer->start + below(BUFFER_PAGES * PAGE_SIZE);
}

/* What the instructions may have left set. */
static void quiet(void)
{
    REQUIRE(hypercall_set_debugreg(7, 0) == 0);
    REQUIRE(hypercall_fpu_taskswitch(0) == 0);
}

SCENARIO(emulate_fuzz, "emulate-fuzz", "random privileged instructions")
{
    struct region *code = scenario_region(1, REGION_R | REGION_W | REGION_X, &region_anon);
    struct region *buffer = scenario_region(BUFFER_PAGES, REGION_R | REGION_W, &region_anon);
    vcpu_info_t *info = guest_vcpu_info();
    unsigned int done = 0, trapped[TRAP_VECTORS] = { 0 };
    uint8_t mask = info->evtchn_upcall_mask;

    for (unsigned int round = 0; round < ROUNDS; round++) {
        struct shot shot = { .code = (uint8_t *)code->start };
        struct trap_report report = { 0 };

        make_insn(shot.code);
        make_registers(&shot, buffer);
        iopl_set(round & 1);
        info->evtchn_upcall_mask = 1;
        bool caught = trap_catch(shoot, &shot, &report);
        quiet();
        info->evtchn_upcall_mask = mask;
        if (!caught) {
            done++;
            continue;
        }
        trapped[report.vector]++;
        if (report.vector != TRAP_DB && report.vector != TRAP_BP && report.vector != TRAP_UD &&
            report.vector != TRAP_GP && report.vector != TRAP_PF && report.vector != 4)
            scenario_fail("round %u: vector %u error %x", round, report.vector, report.error);
    }
    iopl_set(0);
    for (unsigned int reg = 0; reg < 4; reg++)
        REQUIRE(hypercall_set_debugreg(reg, 0) == 0);
    REQUIRE(hypercall_set_segment_base(SEGBASE_FS, 0) == 0);
    EXPECT(done > ROUNDS / 20);
    EXPECT(trapped[TRAP_GP] > ROUNDS / 20);
    scenario_reason("%u carried out, %u #GP, %u #UD, %u #PF", done, trapped[TRAP_GP],
                    trapped[TRAP_UD], trapped[TRAP_PF]);
}
