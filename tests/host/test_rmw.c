/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of emulated writes, and the decoder with it, against the CPU that runs this test:
 * random instructions of the allow-list execute for real and in pv/rmw.c, on the same registers, flags
 * and memory, and must agree in all of them (hazard M4). The code buffer holds exactly the bytes that
 * the decoder counted, so a wrong length shows too. By hand: what writes nothing, and parts of a word.
 */
#include "insn.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "pv/rmw.h"

#define FLAG_CF       0x001u
#define FLAG_ZF       0x040u
#define FLAG_AF       0x010u
#define FLAG_DF       0x400u
#define FLAGS_STATUS  0x8d5u
#define RANDOM_ROUNDS 30000

/* Below 2 GiB, so that generated code reaches all of it by a 32-bit address. */
struct arena {
    uint8_t code[4096];
    uint64_t reg[16]; /* by number; rsp is not used */
    uint64_t flags, saved_rsp;
    uint8_t memory[4096];
};

static struct arena *arena;

static unsigned random_below(unsigned n)
{
    return (unsigned)(random64() >> 20) % n;
}

/* ---- by hand ---- */

/* What does not write its memory operand is not executed, and changes nothing. */
static void test_no_write(void **state)
{
    static const uint8_t none[][5] = {
        { 0x80, 0x3b, 0x01 },       /* cmp byte [rbx], 1 */
        { 0x0f, 0xba, 0x23, 0x01 }, /* bt [rbx], 1 */
        { 0xf7, 0x23 },             /* mul [rbx] */
        { 0xff, 0x23 },             /* jmp [rbx] */
        { 0x89, 0xc3 },             /* mov ebx, eax: no memory */
        { 0xf0, 0x89, 0x03 },       /* lock mov */
        { 0xc7, 0x4b, 0x00 },       /* C7 /1 */
        { 0x66, 0x0f, 0xc3, 0x03 }, /* movnti of 16 bits */
        { 0x0f, 0x30 },             /* wrmsr */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        uint8_t bytes[INSN_MAX] = { 0 };
        struct cpu_regs regs = { .rax = 1, .rbx = 0x1000, .rflags = 2 }, before = regs;
        struct insn insn;
        uint64_t new;

        memcpy(bytes, none[i], sizeof(none[i]));
        insn = decoded(bytes, INSN_MAX, DECODE_OK);
        assert_int_equal(rmw_execute(&insn, &regs, 0, 5, &new), RMW_UNKNOWN);
        assert_memory_equal(&regs, &before, sizeof(regs));
    }
}

static void test_merge(void **state)
{
    (void)state;
    assert_int_equal(rmw_merge(0x1122334455667788, 0, 8, 0xa), 0xa);
    assert_int_equal(rmw_merge(0x1122334455667788, 0, 1, 0x1ff), 0x11223344556677ff);
    assert_int_equal(rmw_merge(0x1122334455667788, 7, 1, 0xab), 0xab22334455667788);
    assert_int_equal(rmw_merge(0x1122334455667788, 4, 4, 0xdeadbeef), 0xdeadbeef55667788);
    assert_int_equal(rmw_merge(0x1122334455667788, 2, 2, 0xbeef), 0x11223344beef7788);
}

/* ---- against the CPU ---- */

static uint8_t *emit(uint8_t *at, const void *bytes, unsigned n)
{
    memcpy(at, bytes, n);
    return at + n;
}

/* mov reg, [address] or back. */
static uint8_t *emit_mov(uint8_t *at, unsigned reg, const void *address, bool load)
{
    uint32_t disp = (uint32_t)(uintptr_t)address;
    uint8_t bytes[8] = { (uint8_t)(0x48 | (reg & 8 ? 4 : 0)), load ? 0x8b : 0x89,
                         (uint8_t)(0x04 | (reg & 7) << 3), 0x25 };

    memcpy(bytes + 4, &disp, 4);
    return emit(at, bytes, 8);
}

/* push or pop qword [address] */
static uint8_t *emit_stack(uint8_t *at, bool push, const void *address)
{
    uint32_t disp = (uint32_t)(uintptr_t)address;
    uint8_t bytes[7] = { push ? 0xff : 0x8f, push ? 0x34 : 0x04, 0x25 };

    memcpy(bytes + 3, &disp, 4);
    return emit(at, bytes, 7);
}

static void run_native(const struct insn *insn)
{
    static const uint8_t save[] = { 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57 };
    static const uint8_t restore[] = { 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d,
                                       0x41, 0x5c, 0x5d, 0x5b, 0xfc, 0xc3 };
    uint8_t *at = emit(arena->code, save, sizeof(save));

    at = emit_mov(at, 4, &arena->saved_rsp, false);
    at = emit_stack(at, true, &arena->flags);
    *at++ = 0x9d; /* popfq */
    for (unsigned n = 0; n < 16; n++)
        if (n != 4)
            at = emit_mov(at, n, &arena->reg[n], true);
    at = emit(at, insn->bytes, insn->length);
    for (unsigned n = 0; n < 16; n++)
        if (n != 4)
            at = emit_mov(at, n, &arena->reg[n], false);
    at = emit_mov(at, 4, &arena->saved_rsp, true);
    *at++ = 0x9c; /* pushfq */
    at = emit_stack(at, false, &arena->flags);
    emit(at, restore, sizeof(restore));
    ((void (*)(void))(uintptr_t)arena->code)();
}

/* One of the instructions that write memory, with random prefixes and operands. Bytes after it are random. */
static struct insn random_insn(void)
{
    static const uint16_t opcodes[] = {
        0x00, 0x01, 0x08, 0x09,  0x10,  0x11,  0x18,  0x19,  0x20,  0x21,  0x28,  0x29,  0x30, 0x31,
        0x80, 0x81, 0x83, 0x86,  0x87,  0x88,  0x89,  0xa4,  0xa5,  0xaa,  0xab,  0xc6,  0xc7, 0xf6,
        0xf7, 0xfe, 0xff, 0x1ab, 0x1b3, 0x1bb, 0x1ba, 0x1b0, 0x1b1, 0x1c0, 0x1c1, 0x1c3,
    };
    for (;;) {
        uint16_t opcode = opcodes[random_below(sizeof(opcodes) / sizeof(opcodes[0]))];
        struct insn insn = { .fetched = INSN_MAX };
        unsigned at = 0;

        for (unsigned i = 0; i < INSN_MAX; i++)
            insn.bytes[i] = (uint8_t)(random64() >> 11);
        if (!random_below(4) && opcode != 0x1c3) /* MOVNTI with 66 is #UD */
            insn.bytes[at++] = 0x66;
        if (!random_below(8))
            insn.bytes[at++] = 0x67;
        if (!random_below(4))
            insn.bytes[at++] = 0x2e;
        if (random_below(4))
            insn.bytes[at++] = (uint8_t)(0x40 | random_below(16));
        if (opcode & OP_0F)
            insn.bytes[at++] = 0x0f;
        insn.bytes[at] = (uint8_t)opcode;
        if (decode_insn(&insn, true) == DECODE_OK && insn.opcode == opcode && !insn.rip_relative &&
            (insn.memory || rmw_is_string(&insn)) && !(insn.prefixes & (INSN_REP | INSN_REPNE)))
            return insn;
    }
}

/*
 * Random registers, but so that the operand lies in the arena. False: not with this addressing form
 * (RSP as base, no base at all, the base in the index too).
 */
static bool aim(const struct insn *insn, struct cpu_regs *regs, uint64_t target)
{
    uint64_t bits = insn->op_bytes * 8;

    for (unsigned n = 0; n < 16; n++)
        *insn_register(regs, n) = random_below(2) ? random64() : random_below(5) - 2ull;
    regs->rflags = 2 | (random64() & FLAGS_STATUS) | (random_below(2) ? FLAG_DF : 0);
    regs->rdi = target;
    regs->rsi = target + 64;
    if (rmw_is_string(insn))
        return true;
    if (insn->opcode == 0x1ab || insn->opcode == 0x1b3 || insn->opcode == 0x1bb)
        insn_reg_write(insn, regs, insn->reg, insn->op_bytes, random_below(1024) - 512 + bits);
    if (insn->base == INSN_NO_REG || insn->base == 4 || insn->index == insn->base)
        return false;
    *insn_register(regs, insn->base) += target - insn_address(insn, regs, 0);
    if (insn->addr_bytes == 4 && random_below(2))
        *insn_register(regs, insn->base) += random64() << 32; /* must not count */
    return insn_address(insn, regs, 0) == target;
}

/* Flags that the architecture defines after the instruction. */
static uint64_t defined_flags(const struct insn *insn)
{
    unsigned alu = insn->opcode < 0x40 ? insn->opcode >> 3 : insn->reg & 7u;
    bool is_alu = insn->opcode < 0x40 || (insn->opcode >= 0x80 && insn->opcode <= 0x83);

    if (insn->opcode == 0x1ab || insn->opcode == 0x1b3 || insn->opcode == 0x1bb ||
        insn->opcode == 0x1ba)
        return FLAG_CF | FLAG_ZF;
    if (is_alu && (alu == 1 || alu == 4 || alu == 6))
        return FLAGS_STATUS & ~FLAG_AF;
    return FLAGS_STATUS;
}

/* The same instruction in C. True if it is one that writes; the operand in memory is then updated. */
static bool run_emulated(const struct insn *insn, struct cpu_regs *regs, uint8_t *operand)
{
    uint64_t old = 0, source = 0, new;
    enum rmw_result rc;

    memcpy(&old, operand, insn->op_bytes);
    memcpy(&source, operand + 64, insn->op_bytes);
    if ((insn->opcode == 0x1b0 || insn->opcode == 0x1b1) && random_below(2)) /* let it succeed */
        insn_reg_write(insn, regs, 0, insn->op_bytes, old);
    for (unsigned n = 0; n < 16; n++)
        arena->reg[n] = *insn_register(regs, n);
    arena->flags = regs->rflags;
    rc = rmw_execute(insn, regs, source, old, &new);
    if (rc == RMW_UNKNOWN)
        return false;
    if (rmw_is_string(insn))
        assert_true(rmw_string_step(insn, regs));
    memcpy(operand, &new, insn->op_bytes);
    return true;
}

static void check_against_cpu(const struct insn *insn, struct cpu_regs *regs, unsigned offset)
{
    uint8_t expected[sizeof(arena->memory)];
    uint64_t mask = defined_flags(insn);

    memcpy(expected, arena->memory, sizeof(expected));
    if (!run_emulated(insn, regs, expected + offset))
        return;
    run_native(insn);
    if (memcmp(expected, arena->memory, sizeof(expected)) ||
        ((regs->rflags ^ arena->flags) & mask)) {
        for (unsigned i = 0; i < insn->length; i++)
            printf("%02x ", insn->bytes[i]);
        fail_msg("flags %lx, CPU %lx", regs->rflags, arena->flags);
    }
    for (unsigned n = 0; n < 16; n++)
        if (n != 4)
            assert_int_equal(*insn_register(regs, n), arena->reg[n]);
}

static void test_against_cpu(void **state)
{
    unsigned executed[512] = { 0 }, kinds = 0;

    (void)state;
    for (unsigned round = 0; round < RANDOM_ROUNDS; round++) {
        struct insn insn = random_insn();
        unsigned offset = 2048 + random_below(64) * 8;
        struct cpu_regs regs = { 0 };

        for (unsigned i = 0; i < sizeof(arena->memory); i += 8)
            *(uint64_t *)(arena->memory + i) = random_below(3) ? random64()
                                                               : random_below(3) - 1ull;
        arena->reg[0] = random64();
        if (!aim(&insn, &regs, (uint64_t)(uintptr_t)arena->memory + offset))
            continue;
        /* CMPXCHG's accumulator is made equal at times: then the address must not depend on it. */
        if (insn.base == 0 || insn.index == 0)
            continue;
        if (insn.reg == 4 && insn.op_bytes > 1)
            continue; /* RSP is the test's own */
        if (insn.op_bytes == 1 && insn.rex && insn.reg == 4)
            continue;
        check_against_cpu(&insn, &regs, offset);
        executed[insn.opcode]++;
    }
    for (unsigned i = 0; i < 512; i++)
        kinds += executed[i] > 20;
    assert_int_equal(kinds, 40);
}

static int arena_open(void **state)
{
    (void)state;
    arena = mmap(0, sizeof(*arena), PROT_READ | PROT_WRITE | PROT_EXEC,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    return arena == MAP_FAILED ? -1 : 0;
}

static int arena_close(void **state)
{
    (void)state;
    return munmap(arena, sizeof(*arena));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_write),
        cmocka_unit_test(test_merge),
        cmocka_unit_test_setup_teardown(test_against_cpu, arena_open, arena_close),
    };

    return cmocka_run_group_tests_name("rmw", tests, 0, 0);
}
