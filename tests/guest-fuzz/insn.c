/*
 * SPDX-License-Identifier: MIT
 *
 * insn.c - one instruction: privileged, on segments, on the FPU, a store, or plain nonsense.
 *
 * Registers that it uses as addresses are set in shot.in: the arena, the volatile pages, or hostile.
 * RSP is left alone but for what stack instructions do to it.
 */
#include "fuzz.h"

#include <string.h>

static uint8_t *put(uint8_t *code, const void *bytes, unsigned int count)
{
    memcpy(code, bytes, count);
    return code + count;
}

#define PUT(code, ...)                           \
    ({                                           \
        static const uint8_t b_[] = __VA_ARGS__; \
        put((code), b_, sizeof(b_));             \
    })

static uint8_t *prefixes(uint8_t *code)
{
    static const uint8_t known[] = { 0x66, 0x67, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };

    for (unsigned int i = 0; i < 5 && chance(3); i++)
        *code++ = PICK(known);
    if (chance(24))
        *code++ = 0xf0;
    if (chance(2))
        *code++ = (uint8_t)(0x40 | below(16));
    return code;
}

/* Registers that may serve as addresses point to where writing hurts nobody. */
static void addresses_set(void)
{
    static const uint8_t regs[] = { RSI, RDI, RBX, RDX, RAX, RBP, R8, R9, R12, R13, R15 };

    for (unsigned int i = 0; i < sizeof(regs); i++) {
        if (chance(3))
            continue;
        shot.in[regs[i]] = chance(4)   ? hostile_va()
                           : chance(4) ? VOLATILE_VA + below(8 * PAGE_SIZE)
                                       : ARGS_VA + below(ARGS_PAGES * PAGE_SIZE);
    }
    shot.frame.rax = shot.in[RAX];
}

/* ModRM with a memory or register operand; displacements are small. */
static uint8_t *operand(uint8_t *code, unsigned int reg)
{
    unsigned int mod = (unsigned int)below(4), rm = (unsigned int)below(8);

    if (mod != 3 && (rm == 4 || (rm == 5 && mod == 0)))
        rm = 7;
    if (rm == 4)
        rm = 6; /* RSP as a register is not for every instruction */
    *code++ = (uint8_t)(mod << 6 | reg << 3 | rm);
    if (mod == 1)
        *code++ = (uint8_t)random64();
    if (mod == 2) {
        uint32_t disp = (uint32_t)below(PAGE_SIZE);

        code = put(code, &disp, 4);
    }
    return code;
}

static uint8_t *insn_emulated(uint8_t *code)
{
    static const uint8_t plain[] = { 0x6c, 0x6d, 0x6e, 0x6f, 0xec, 0xed, 0xee, 0xef, 0xfa, 0xfb };
    static const uint8_t extended[] = { 0x06, 0x09, 0x30, 0x31, 0x32, 0xa2 };
    static const uint16_t ports[] = { 0x20,  0x21,  0x40,  0x42,   0x43,   0x60,  0x61,
                                      0x64,  0x70,  0x71,  0x80,   0xa0,   0xcf8, 0xcfc,
                                      0xcff, 0x3f8, 0x501, 0xb004, 0xffff, 0xfffe };

    code = prefixes(code);
    if (chance(2))
        shot.in[RDX] = chance(8) ? random64() : PICK(ports);
    switch (below(6)) {
    case 0:
        *code++ = PICK(plain);
        return code;
    case 1:
        *code++ = (uint8_t)(0xe4 + below(4));
        *code++ = (uint8_t)random64();
        return code;
    case 2: { /* MOV to CR3 may name a root of the kernel's only */
        uint8_t opcode = (uint8_t)(0x20 + below(4));
        unsigned int reg = (unsigned int)below(8);

        if (opcode == 0x22 && reg == 3) {
            for (unsigned int i = 0; i < REGS; i++)
                if (i != RSP)
                    shot.in[i] = chance(2) ? mfn_to_ma(world_root()) : random64() | 1UL << 57;
            shot.frame.rax = shot.in[RAX];
            shot.frame.rcx = shot.in[RCX];
            shot.frame.r11 = shot.in[R11];
        }
        plan.leaks = true;
        *code++ = 0x0f;
        *code++ = opcode;
        *code++ = (uint8_t)(0xc0 | reg << 3 | (chance(8) ? below(4) : below(2) + 6));
        return code;
    }
    case 3:
        return PUT(code, { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 });
    default: {
        static const uint32_t msrs[] = { 0x10,       0x1b,       0x8b,       0x174,      0x176,
                                         0x179,      0x1a0,      0x277,      0x345,      0x1d9,
                                         0x40000000, 0x40000001, 0xc0000080, 0xc0000081, 0xc0000082,
                                         0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103,
                                         0xc0010015, 0xc0010010 };

        shot.in[RCX] = chance(2) ? PICK(msrs) : chance(4) ? random64() : below(0x1000);
        if ((uint32_t)shot.in[RCX] == 0x40000000) { /* fills a frame: the pool's */
            uint64_t ma = mfn_to_ma(mfn_of(pool_mfn())) + (chance(4) ? below(3) : 0);

            shot.in[RAX] = (uint32_t)ma;
            shot.in[RDX] = ma >> 32;
        } else if (chance(2)) {
            uint64_t value = chance(2) ? hostile_va() : hostile();

            shot.in[RAX] = (uint32_t)value;
            shot.in[RDX] = value >> 32;
        }
        shot.frame.rcx = shot.in[RCX];
        shot.frame.rax = shot.in[RAX];
        *code++ = 0x0f;
        *code++ = PICK(extended);
        return code;
    }
    }
}

/* Privileged or odd, and not emulated: each has to end in a fault or do what the CPU does in ring 3. */
static uint8_t *insn_refused(uint8_t *code)
{
    static const uint8_t two[][2] = {
        { 0xf4, 0x90 }, { 0xf5, 0x90 }, { 0x0f, 0x05 }, { 0x0f, 0x07 }, { 0x0f, 0x08 },
        { 0x0f, 0x33 }, { 0x0f, 0x34 }, { 0x0f, 0x35 }, { 0x0f, 0x37 }, { 0x0f, 0xaa },
        { 0x0f, 0x0b }, { 0x0f, 0xff }, { 0x0f, 0xb9 }, { 0xf1, 0x90 }, { 0xcc, 0x90 },
        { 0x9d, 0x90 }, { 0xcb, 0x90 }, { 0x0f, 0x77 }, { 0xce, 0x90 }, { 0x9b, 0x90 },
        { 0x48, 0xcf }, { 0x48, 0xcb }, { 0x0f, 0xa9 }, { 0x0f, 0xa1 }, { 0xd6, 0x90 },
    };
    static const uint8_t three[][3] = {
        { 0x0f, 0x01, 0xc1 }, { 0x0f, 0x01, 0xc2 }, { 0x0f, 0x01, 0xc3 }, { 0x0f, 0x01, 0xc4 },
        { 0x0f, 0x01, 0xc8 }, { 0x0f, 0x01, 0xc9 }, { 0x0f, 0x01, 0xca }, { 0x0f, 0x01, 0xcb },
        { 0x0f, 0x01, 0xd0 }, { 0x0f, 0x01, 0xd1 }, { 0x0f, 0x01, 0xd4 }, { 0x0f, 0x01, 0xd8 },
        { 0x0f, 0x01, 0xd9 }, { 0x0f, 0x01, 0xda }, { 0x0f, 0x01, 0xdb }, { 0x0f, 0x01, 0xdc },
        { 0x0f, 0x01, 0xdd }, { 0x0f, 0x01, 0xde }, { 0x0f, 0x01, 0xdf }, { 0x0f, 0x01, 0xf8 },
        { 0x0f, 0x01, 0xf9 }, { 0x0f, 0x01, 0xfa }, { 0x0f, 0x01, 0xfc }, { 0x48, 0x0f, 0x07 },
        { 0x48, 0x0f, 0x35 }, { 0xf3, 0x0f, 0x09 },
    };

    plan.segments_change = true;
    if (chance(2))
        code = prefixes(code);
    switch (below(5)) {
    case 0:
    case 1:
        return put(code, PICK(two), 2);
    case 2:
        return put(code, PICK(three), 3);
    case 3: /* SLDT STR LLDT LTR VERR VERW; SGDT SIDT LGDT LIDT SMSW LMSW INVLPG */
        *code++ = 0x0f;
        *code++ = (uint8_t)below(2);
        return operand(code, (unsigned int)below(8));
    default: { /* WRFSBASE and its kin; FXSAVE FXRSTOR LDMXCSR STMXCSR XSAVE XRSTOR CLFLUSH; LAR LSL; INT n */
        static const uint8_t opcodes[] = { 0xae, 0xae, 0xc7, 0x02, 0x03, 0x18, 0x0d };

        if (chance(3))
            *code++ = 0xf3;
        *code++ = 0x0f;
        *code++ = PICK(opcodes);
        return operand(code, (unsigned int)below(8));
    }
    }
}

uint8_t *insn_segment(uint8_t *code)
{
    static const uint8_t far_loads[] = { 0xb2, 0xb4, 0xb5 };
    uint8_t *pointer = (uint8_t *)ARGS_VA + below(64) * 16;
    uint64_t target = chance(2) ? CODE_VA + 64 : hostile_va();
    uint16_t sel = (uint16_t)selector();

    plan.segments_change = true;
    shot.in[RAX] = shot.frame.rax = (random64() & ~0xffffUL) | sel;
    shot.in[RDI] = (uint64_t)pointer;
    memcpy(pointer, &target, 8);
    switch (below(6)) {
    case 0:
    case 1: /* MOV sreg, AX */
        *code++ = 0x8e;
        *code++ = (uint8_t)(0xc0 | below(6) << 3);
        return code;
    case 2: /* LSS LFS LGS RAX, [RDI] with 64-bit offset */
        memcpy(pointer + 8, &sel, 2);
        *code++ = 0x48;
        *code++ = 0x0f;
        *code++ = PICK(far_loads);
        *code++ = 0x07;
        return code;
    case 3: /* far CALL, JMP [RDI] */
        memcpy(pointer + 8, &sel, 2);
        if (chance(2))
            *code++ = 0x48;
        else
            memcpy(pointer + 4, &sel, 2);
        *code++ = 0xff;
        *code++ = chance(2) ? 0x1f : 0x2f;
        return code;
    case 4: { /* far return, IRETQ, with what is on the stack */
        memcpy((void *)shot.frame.rsp, &target, 8);
        memcpy((void *)(shot.frame.rsp + 8), &shot.frame.rax, 2);
        memset((uint8_t *)shot.frame.rsp + 10, 0, 6);
        uint64_t rest[3] = { random64() & 0x3fffff, STACK_VA + 512, selector() };

        memcpy((void *)(shot.frame.rsp + 16), rest, sizeof(rest));
        *code++ = 0x48;
        *code++ = chance(2) ? 0xcb : 0xcf;
        return code;
    }
    default: /* VERR VERW LAR LSL, then a POP FS or GS of a selector */
        code =
            PUT(code, { 0x0f, 0x00, 0xe0, 0x0f, 0x00, 0xe8, 0x0f, 0x02, 0xc8, 0x0f, 0x03, 0xd0 });
        code = PUT(code, { 0x50, 0x0f });
        *code++ = chance(2) ? 0xa1 : 0xa9;
        return code;
    }
}

uint8_t *insn_store(uint8_t *code)
{
    static const uint8_t forms[] = { 0x01, 0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x87, 0x89, 0x00,
                                     0x86, 0x88, 0x8f, 0xd1, 0xd3, 0xfe, 0xff, 0xf6, 0xf7 };
    static const uint8_t extended[] = { 0xab, 0xb3, 0xbb, 0xb0, 0xb1, 0xc0, 0xc1, 0xc3,
                                        0xc7, 0x11, 0x29, 0x7f, 0xe7, 0x90, 0xa4, 0xa5 };
    static const uint8_t strings[] = { 0xa4, 0xa5, 0xaa, 0xab };
    unsigned int reg = (unsigned int)(below(7) + 5) % 8; /* not RSP: a lost stack */
    uint8_t modrm;

    if (chance(3))
        *code++ = 0xf0;
    if (chance(6))
        *code++ = 0x66;
    if (chance(12))
        *code++ = chance(2) ? 0xf2 : 0xf3;
    if (!chance(4))
        *code++ = (uint8_t)(0x48 | (chance(3) ? 4 : 0));
    modrm = (uint8_t)(reg << 3 | 7);
    switch (below(6)) {
    case 0:
        *code++ = PICK(strings);
        return code;
    case 1:
    case 2:
        *code++ = 0x0f;
        *code++ = PICK(extended);
        *code++ = modrm;
        *code++ = 0x90; /* an immediate, or nothing: other bytes might move the stack */
        return code;
    case 3:
        *code++ = chance(2) ? 0x83 : chance(2) ? 0x80 : 0xc6;
        *code++ = modrm;
        *code++ = (uint8_t)random64();
        return code;
    case 4: {
        uint32_t value = (uint32_t)random64();

        *code++ = chance(2) ? 0xc7 : 0x81;
        *code++ = modrm & 0xc7;
        return put(code, &value, 4);
    }
    default:
        *code++ = PICK(forms);
        *code++ = modrm;
        return code;
    }
}

uint8_t *insn_make(uint8_t *code)
{
    addresses_set();
    switch (below(8)) {
    case 0:
    case 1:
    case 2:
    case 3:
        return insn_emulated(code);
    case 4:
    case 5:
        return insn_refused(code);
    case 6:
        return insn_segment(code);
    default:
        *code++ = 0xcd;
        *code++ = (uint8_t)random64();
        return code;
    }
}
