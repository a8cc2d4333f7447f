/*
 * SPDX-License-Identifier: MIT
 *
 * random.c - numbers for a step, and the numbers that hurt.
 *
 * Invariant: no value made here is the address of anything writable of the kernel's own.
 */
#include "fuzz.h"

static uint64_t state;

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
    return z ^ (z >> 31);
}

void random_start(uint64_t seed, uint64_t step)
{
    state = mix(mix(seed + 0x9e3779b97f4a7c15UL) + step);
}

uint64_t random64(void)
{
    state += 0x9e3779b97f4a7c15UL;
    return mix(state);
}

uint64_t below(uint64_t n)
{
    return (random64() >> 16) % n;
}

bool chance(unsigned int n)
{
    return below(n) == 0;
}

uint64_t hostile(void)
{
    static const uint64_t values[] = {
        0,
        1,
        2,
        3,
        7,
        8,
        0x20,
        0x7f,
        0x80,
        0xff,
        0x100,
        0x200,
        0xfff,
        0x1000,
        0x1c00,
        0x1c01,
        0x2000,
        0x2001,
        0x7fff,
        0x8000,
        0xffff,
        0x10000,
        0x7ff0,
        0x7ff1,
        0x7ff2,
        0x7ff4,
        0x7fffffff,
        0x80000000,
        0x80000001,
        0xffffffff,
        0x100000000,
        0x1ffffffff,
        0xffffffffff,
        0x10000000000,
        0xfffffffffffff,
        0x3fffffffffffffff,
        0x4000000000000000,
        0x7fffffffffffffff,
        0x8000000000000000,
        0x8000000000000001,
        ~0UL,
        ~1UL,
        ~7UL,
        ~15UL,
        0x0ffffffffffffff8,
        0x0fffffffffffffff,
        0x1000000000000000,
    };

    switch (below(4)) {
    case 0:
        return random64() >> below(64);
    case 1:
        return hostile_va();
    default:
        return PICK(values) + (chance(8) ? below(17) - 8 : 0);
    }
}

/* The image's, and not executable. */
static const uint64_t read_only[512] = { 1 };

static const uint64_t bounds[] = {
    0,
    0x1000,
    USER_CODE,
    USER_DATA + 2 * PAGE_SIZE,
    TOP_VA,
    0x0000800000000000,
    0x0000800000001000,
    0x7fffffffffffffff,
    0x8000000000000000,
    0xffff7fffffffffff,
    HV_VA_START,
    M2P_VA_END,
    0xffff820000000000,
    0xffff820000010000,
    0xffff828000000000,
    0xffff82d000000000,
    0xffff82d800000000,
    0xffff82e000000000,
    0xffff830000000000,
    0xffff830000200000,
    HV_VA_END - PAGE_SIZE,
    HV_VA_END,
    CODE_VA,
    ARGS_VA,
    ARGS_VA + ARGS_PAGES *PAGE_SIZE,
    STACK_VA,
    STACK_VA + STACK_PAGES *PAGE_SIZE,
    RO_VA,
    VOLATILE_VA,
    VOLATILE_VA + 8 * PAGE_SIZE,
    VOLATILE_VA + (1UL << L2_SHIFT),
    (uint64_t)VOLATILE_L4 << L4_SHIFT,
    (uint64_t)read_only,
    ~0UL,
};

static uint64_t near_bound(void)
{
    uint64_t va = PICK(bounds);

    switch (below(4)) {
    case 0:
        return va;
    case 1:
        return va + below(257) - 128;
    case 2:
        return va + below(PAGE_SIZE);
    default:
        return va + (below(17) - 8) * 8;
    }
}

static bool in_code(uint64_t va)
{
    return va - USER_CODE + 128 < PAGE_SIZE + 128 || va - CODE_VA + 128 < PAGE_SIZE + 128;
}

bool hostile_spares_code;

uint64_t hostile_va(void)
{
    uint64_t va;

    do
        va = near_bound();
    while (hostile_spares_code && in_code(va));
    return va;
}

bool hostile_near(uint64_t value)
{
    for (unsigned int i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
        if (value - bounds[i] + 2 * PAGE_SIZE < 4 * PAGE_SIZE)
            return true;
    return false;
}

uint64_t selector(void)
{
    static const uint16_t known[] = { 0,      1,      3,      4,      7,      8,      0xb,
                                      0xf,    0xe000, 0xe008, 0xe010, 0xe018, 0xe020, 0xe023,
                                      0xe02b, 0xe033, 0xe03b, 0xe030, 0xe040, 0xe043, 0xe048,
                                      0xe04b, 0xe050, 0xe058, 0xe060, 0xdff8, 0xdfff, 0xefff,
                                      0xf000, 0xfff8, 0xffff, 0x7ff8, 0x8007, 0x2007 };

    switch (below(4)) {
    case 0:
        return random64() & 0xffff;
    case 1: /* low indices, which the descriptor tables of a step have */
        return below(64) << 3 | below(8);
    default:
        return PICK(known);
    }
}
