/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder by hand: addressing forms, prefixes, truncation, refusals. What it makes of an
 * instruction is held against the CPU by test_rmw.
 */
#include "insn.h"

#define RANDOM_DECODES 200000

static void test_addressing(void **state)
{
    struct cpu_regs regs = { .rax = 0x1000,
                             .rbx = 0x20000,
                             .rcx = 3,
                             .rsp = 0x7000,
                             .rbp = 0x500,
                             .r12 = 0xc000,
                             .r13 = 0xd000,
                             .rip = 0x400000 };
    static const struct {
        uint8_t bytes[INSN_MAX];
        uint8_t length;
        uint64_t address;
    } form[] = {
        { { 0x48, 0x89, 0x03 }, 3, 0x20000 },                                  /* [rbx] */
        { { 0x48, 0x89, 0x43, 0xf8 }, 4, 0x1fff8 },                            /* [rbx - 8] */
        { { 0x48, 0x89, 0x83, 0x00, 0x01, 0x00, 0x00 }, 7, 0x20100 },          /* [rbx + 0x100] */
        { { 0x48, 0x89, 0x04, 0xcb }, 4, 0x20018 },                            /* [rbx + rcx*8] */
        { { 0x48, 0x89, 0x04, 0x24 }, 4, 0x7000 },                             /* [rsp] */
        { { 0x48, 0x89, 0x44, 0x24, 0x10 }, 5, 0x7010 },                       /* [rsp + 16] */
        { { 0x49, 0x89, 0x04, 0x24 }, 4, 0xc000 },                             /* [r12] */
        { { 0x49, 0x89, 0x45, 0x00 }, 4, 0xd000 },                             /* [r13 + 0] */
        { { 0x48, 0x89, 0x45, 0x00 }, 4, 0x500 },                              /* [rbp + 0] */
        { { 0x4b, 0x89, 0x04, 0x64 }, 4, 0x24000 },                            /* [r12 + r12*2] */
        { { 0x48, 0x89, 0x04, 0x0d, 0x44, 0x33, 0x22, 0x11 }, 8, 0x11223347 }, /* [rcx + disp32] */
        { { 0x48, 0x89, 0x04, 0x25, 0x44, 0x33, 0x22, 0x91 }, 8, 0xffffffff91223344 },
        { { 0x48, 0x89, 0x05, 0x10, 0x00, 0x00, 0x00 }, 7, 0x400017 }, /* [rip + 16] */
        { { 0x48, 0xc7, 0x05, 0x10, 0, 0, 0, 1, 2, 3, 4 },
          11,
          0x40001b }, /* … counts the immediate */
        { { 0x48, 0xa3, 8, 7, 6, 5, 4, 3, 2, 1 }, 10, 0x0102030405060708 }, /* moffs */
        { { 0x67, 0x48, 0x89, 0x04, 0xcb }, 5, 0x20018 },                   /* 32-bit address */
        { { 0x64, 0x48, 0x89, 0x03 }, 4, 0x20000 },                         /* fs: */
        { { 0x48, 0x0f, 0xab, 0x03 }, 4, 0x20200 }, /* bts [rbx], rax: + 0x1000 bits */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(form) / sizeof(form[0]); i++) {
        struct insn insn = decoded(form[i].bytes, INSN_MAX, DECODE_OK);

        assert_int_equal(insn.length, form[i].length);
        assert_true(insn.memory);
        assert_int_equal(insn_address(&insn, &regs, 0), form[i].address);
        assert_int_equal(insn_address(&insn, &regs, 0x100000000000),
                         form[i].address + 0x100000000000);
    }
    assert_int_equal(decoded(form[16].bytes, INSN_MAX, DECODE_OK).segment, SEGMENT_FS);
}

/* BTS with a negative bit number reaches below its operand. */
static void test_bit_below(void **state)
{
    static const uint8_t bts32[] = { 0x0f, 0xab, 0x03 }, btr64[] = { 0x48, 0x0f, 0xb3, 0x03 };
    struct cpu_regs regs = { .rbx = 0x1000, .rax = (uint32_t)-1 };
    struct insn insn = decoded(bts32, sizeof(bts32), DECODE_OK);

    (void)state;
    assert_int_equal(insn_address(&insn, &regs, 0), 0xffc);
    regs.rax = -65ull;
    insn = decoded(btr64, sizeof(btr64), DECODE_OK);
    assert_int_equal(insn_address(&insn, &regs, 0), 0x1000 - 16);
}

static void test_high_bytes(void **state)
{
    static const uint8_t plain[] = { 0x88, 0x23 }, rex[] = { 0x40, 0x88, 0x23 };
    struct cpu_regs regs = { .rax = 0x1234, .rsp = 0x77 };
    struct insn insn = decoded(plain, sizeof(plain), DECODE_OK);

    (void)state;
    assert_int_equal(insn_reg_read(&insn, &regs, insn.reg, 1), 0x12); /* AH */
    insn_reg_write(&insn, &regs, insn.reg, 1, 0xff);
    assert_int_equal(regs.rax, 0xff34);
    insn = decoded(rex, sizeof(rex), DECODE_OK);
    assert_int_equal(insn_reg_read(&insn, &regs, insn.reg, 1), 0x77); /* SPL */
}

static void test_prefixes(void **state)
{
    static const uint8_t dead_rex[] = { 0x48, 0x66, 0x89,
                                        0x03 }; /* REX counts only before the opcode */
    static const uint8_t many[] = { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66 };
    static const uint8_t fits[] = { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                                    0x66, 0x66, 0x66, 0x66, 0x66, 0x89, 0x03 };
    struct insn insn = decoded(dead_rex, sizeof(dead_rex), DECODE_OK);

    (void)state;
    assert_int_equal(insn.op_bytes, 2);
    assert_int_equal(insn.rex, 0);
    decoded(many, sizeof(many), DECODE_UNKNOWN);
    assert_int_equal(decoded(fits, sizeof(fits), DECODE_OK).length, 15);
}

/* Outside the allow-list: nothing is guessed. */
static void test_unknown(void **state)
{
    static const uint8_t unknown[][3] = {
        { 0x90 },
        { 0xf4 },
        { 0x0f, 0x0b },
        { 0x0f, 0x00, 0x10 },
        { 0x0f, 0x05 },
        { 0xe8 },
        { 0x8f, 0x00 },
        { 0x39, 0x03 },
        { 0xcc },
        { 0xc4 },
        { 0xd8 },
        { 0x0f, 0xc7, 0x0b },
        { 0x0f, 0x29, 0x03 },
    };
    struct insn insn = { .fetched = INSN_MAX, .bytes = { 0x67, 0x89, 0x03 } };

    (void)state;
    for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        uint8_t bytes[INSN_MAX] = { 0 };

        memcpy(bytes, unknown[i], sizeof(unknown[i]));
        decoded(bytes, INSN_MAX, DECODE_UNKNOWN);
    }
    assert_int_equal(decode_insn(&insn, false), DECODE_UNKNOWN); /* 16-bit addressing */
}

/* In 32-bit code 40 to 4F are no prefixes. */
static void test_compatibility_mode(void **state)
{
    struct insn insn = { .fetched = INSN_MAX, .bytes = { 0xcd, 0x80 } };
    struct insn inc = { .fetched = INSN_MAX, .bytes = { 0x48, 0xcd, 0x80 } };

    (void)state;
    assert_int_equal(decode_insn(&insn, false), DECODE_OK);
    assert_int_equal(insn.opcode, 0xcd);
    assert_int_equal((uint8_t)insn.imm, 0x80);
    assert_int_equal(decode_insn(&inc, false), DECODE_UNKNOWN);
}

/* Whatever the bytes: no read beyond them, and the length says exactly how many are needed. */
static void test_truncation(void **state)
{
    unsigned known = 0;

    (void)state;
    for (unsigned round = 0; round < RANDOM_DECODES; round++) {
        struct insn insn = { .fetched = INSN_MAX };
        enum decode_status status;

        for (unsigned i = 0; i < INSN_MAX; i++)
            insn.bytes[i] = (uint8_t)random64();
        if (round & 1)
            insn.bytes[0] = 0x48;
        if (round & 2)
            insn.bytes[1] = 0x0f;
        status = decode_insn(&insn, round & 4);
        assert_int_not_equal(status, DECODE_TRUNCATED);
        for (unsigned n = 0; status == DECODE_OK && n < INSN_MAX; n++) {
            struct insn cut = { .fetched = (uint8_t)n };

            memcpy(cut.bytes, insn.bytes, n);
            assert_int_equal(decode_insn(&cut, round & 4),
                             n < insn.length ? DECODE_TRUNCATED : DECODE_OK);
        }
        known += status == DECODE_OK;
    }
    assert_true(known > RANDOM_DECODES / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addressing), cmocka_unit_test(test_bit_below),
        cmocka_unit_test(test_high_bytes), cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_unknown),    cmocka_unit_test(test_compatibility_mode),
        cmocka_unit_test(test_truncation),
    };

    return cmocka_run_group_tests_name("decode", tests, 0, 0);
}
